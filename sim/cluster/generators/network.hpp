// What a generator of a network between nodes is given and leaves.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cluster/fabric.hpp"
#include "sim/cluster/wiring.hpp"

namespace towtank {

/// The cluster under construction: nodes are wired, the network is not.
struct NetworkSite {
  const FabricSpec& spec;
  const FabricSize& size;
  const NodeLayout& node;
  Wiring& wiring;
  std::vector<std::int32_t>& endpoints;  // of every card: its number in its tree or network
};

/// The link types of the network: at cards, and between switches.
LinkType card_link(const FabricSpec& spec, const FabricSize& size);
LinkType switch_link(const FabricSpec& spec, const FabricSize& size);

/// Cards are endpoints 0, 1, ... node by node.
void number_endpoints_by_node(NetworkSite& site);

/// Fat trees of every kind; throws InputError when the cards do not fit below the tiers.
TreeNetwork wire_trees(NetworkSite& site);

/// The others; each throws InputError when the shape is impossible or has too few endpoints.
GraphNetwork wire_dragonfly(NetworkSite& site);
GraphNetwork wire_slim_fly(NetworkSite& site);
GraphNetwork wire_torus(NetworkSite& site);
GraphNetwork wire_edge_list(NetworkSite& site);

/// Adds `switches` of `per_switch` endpoints each with as many of the cards as there are, in order.
/// Throws InputError when they are too few for all cards.
GraphNetwork wire_endpoints(NetworkSite& site, std::int64_t switches, int per_switch);

}  // namespace towtank
