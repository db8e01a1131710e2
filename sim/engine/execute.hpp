// Executes a costed op graph in simulated time.
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
  /// The completion whose end let it start: the last of those it waited for, and of those that the
  /// members of its rendezvous waited for; -1 when it waited for none.
  std::int32_t cause = -1;
  /// The kind of wire (see wire_kinds.hpp) that held down, for most of the time in which it moved,
  /// the flow with which it ended, or with which its rendezvous did; -1 when nothing moved, or when
  /// the engine does not tell.
  std::int32_t held_by = -1;
};

struct Execution {
  std::vector<Completion> completions;  // in the order in which they ended
  std::vector<double> carried;          // (wires): bytes through one real wire
  std::int64_t activities = 0;          // segments run and flows carried
};

/// Runs the graph to its end. Events within a picosecond of each other happen together. A graph
/// that cannot finish is a BrokenClaim with the circle in which its operations wait.
Execution execute(const OpGraph& graph, const Workload& workload);

}  // namespace towtank
