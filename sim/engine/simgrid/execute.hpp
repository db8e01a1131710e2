// Executes a costed op graph on SimGrid: the second opinion.
#pragma once

#include "sim/engine/execute.hpp"

namespace towtank {

/// As execute(), with what differs: SimGrid counts whole bytes, and its engine lives once per
/// process, so that this forks a worker process. EnvironmentError when the worker dies, InputError
/// when a wire counts payload alone.
Execution execute_on_simgrid(const OpGraph& graph, const Workload& workload);

}  // namespace towtank
