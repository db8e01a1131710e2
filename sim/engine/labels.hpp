// What an op graph's operations are called in a timeline, and what their times are due to.
#pragma once

#include <vector>

#include "sim/engine/execute.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/engine/workload.hpp"

namespace towtank {

/// No two labels are alike.
struct Labels {
  std::vector<EventLabel> labels;
  std::vector<int> of;  // (completions): into labels
};

/// A segment's time is due to the families of its kernels, launches included; a family's error is
/// the time-weighted mean of its kernels'. A traffic's is due to the kind of wire that held it down
/// for most of its time, as the engine saw it: the medium of a port, or the name of a fabric's
/// wire. SimGrid does not tell; then it is put down to that wire on the traffic's ways which needs
/// longest for all communications of its kind, which is a guess. An operation that takes no time
/// (no kernels, no flows) has a label without shares.
Labels label_operations(const Simulation& simulation,
                        const Workload& workload,
                        const Execution& execution);

}  // namespace towtank
