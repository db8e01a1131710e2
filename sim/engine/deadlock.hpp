// Finds operations of an op graph that wait for each other, before anything runs.
#pragma once

#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Throws BrokenClaim unless every operation can run: each stands exactly once in the stream it
/// names, and no chain of dependencies, stream orders and rendezvous closes on itself. The message
/// names the operations of one such cycle with their ranks and streams. Linear in the graph's size.
void check_graph_finishes(const OpGraph& graph);

/// Name of an operation for messages: "dispatch forward (rank 64, stream expert)".
std::string describe(const OpGraph& graph, Vertex vertex);

}  // namespace towtank
