// Steps of several jobs at the same time on one fabric, as one graph.
#pragma once

#include <span>

#include "sim/graph/op_graph.hpp"

namespace towtank {

/// A job, and how many steps of it run one after the other.
struct RunningJob {
  const OpGraph* graph = nullptr;
  int steps = 1;
};

/// Fills `joined`, which must be empty: a Boost graph has no cheap move. The jobs were laid out
/// together, so that their graphs have the same wires of the fabric. Ranks are numbered one job's
/// after the other's, as are segments, traffics and slots; all steps of a job have the same. All
/// jobs start at once; a rank starts a step when it has ended the one before.
void join_graphs(std::span<const RunningJob> jobs, OpGraph& joined);

}  // namespace towtank
