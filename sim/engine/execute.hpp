// Executes a costed op graph on SimGrid, in this process.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/workload.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// One operation that ran. Plain data.
struct Completion {
  std::int64_t vertex = 0;
  double start = 0.0;  // seconds since the step began
  double end = 0.0;
};

struct Execution {
  std::vector<Completion> completions;  // in the order in which they ended
  std::vector<double> carried;          // (wires): bytes through one real wire
  std::int64_t activities = 0;          // segments run and flows carried
};

/// Runs the graph to its end. SimGrid allows this once per process. The graph must be able to
/// finish (see check_graph_finishes); an operation left over is a BrokenClaim.
Execution execute(const OpGraph& graph, const Workload& workload);

}  // namespace towtank
