// What an op graph's operations are called in a timeline, and what their times are due to.
#pragma once

#include <vector>

#include "sim/engine/simulate.hpp"
#include "sim/engine/workload.hpp"

namespace towtank {

/// No two labels are alike. The indices are those of the graph's segments and traffics.
struct Labels {
  std::vector<EventLabel> labels;
  std::vector<int> of_segment;  // into labels
  std::vector<int> of_traffic;  // likewise
};

/// A segment's time is due to the families of its kernels, launches included; a family's error is
/// the time-weighted mean of its kernels'. A traffic's is due to that wire on its ways which needs
/// longest for all communications of its kind: the medium of a port, or the name of a fabric's
/// wire. An operation that takes no time (no kernels, no flows) has a label without shares.
Labels label_operations(const Simulation& simulation, const Workload& workload);

}  // namespace towtank
