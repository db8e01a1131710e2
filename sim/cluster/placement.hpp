// A part of a cluster, as the jobs on it see it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cluster/cluster.hpp"

namespace towtank {

/// The cluster that is these nodes of another, in this order: GPUs and their faults are numbered
/// anew, the fabric stays that of all nodes. `whole` has no placement of its own. A last node that
/// is partly in use stays the last one, if it is among them.
Cluster on_nodes(const Cluster& whole, std::span<const int> nodes);

/// Nodes as people write them: "0-255", "0-511:2" for every second, "0-99, 300, 310-319".
struct NodeList {
  std::vector<int> nodes;  // in the order written
  std::string problem;     // what is wrong with the text; the nodes are then of no account
};

/// Of a cluster of `count` nodes; none may be named twice.
NodeList parse_nodes(std::string_view text, int count);

/// Text that parse_nodes() reads as these nodes, with ranges where the nodes are evenly spaced.
std::string nodes_text(std::span<const int> nodes);

}  // namespace towtank
