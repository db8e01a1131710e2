// The ports of the ranks as wires of an op graph: NVLink out, NVLink in, NIC out and NIC in of
// each.
#pragma once

#include "sim/cluster/cluster.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

enum class PortSide { kOut, kIn };
inline constexpr int kPortsOfRank = 2 * kMedia;

/// Index of a rank's port in OpGraph::wires: kPortsOfRank of each rank in turn.
int port(int rank, Medium medium, PortSide side);

/// Appends the ports of the graph's ranks, which must be there and have none yet, with the
/// cluster's raw bandwidths and what its faults leave of them, and notes the slowdown of each rank.
void add_ports(const Cluster& cluster, OpGraph& graph);

/// The hops of `copies` flows from one rank to ranks of one class: the sender's port carries them
/// all, each receiver's port as many as senders of the class reach it. Throws BrokenClaim when that
/// is no whole number: then the classes are not those of an equitable partition.
std::vector<Hop> port_hops(
    const OpGraph& graph, int source, int destination, Medium medium, int copies);

}  // namespace towtank
