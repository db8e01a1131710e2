// Finds operations of an op graph that wait for each other.
#pragma once

#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Throws BrokenClaim unless every operation stands exactly once in the streams, in the one it
/// names.
void check_streams(const OpGraph& graph);

/// Throws BrokenClaim unless every operation can run: no chain of dependencies, stream orders and
/// rendezvous closes on itself. The message names the operations of one such circle with their
/// ranks and streams. Linear in the graph's size.
void check_graph_finishes(const OpGraph& graph);

/// Name of an operation for messages: "dispatch forward (rank 64, stream expert)".
std::string describe(const OpGraph& graph, Vertex vertex);

}  // namespace towtank
