// Fat trees: plain, rail-optimised, one a plane; and one ideal switch, the tree of a single tier.
//
// Tiers are laid out from the bottom: leaves take as many endpoints as the radix and the
// oversubscription allow, and get the uplinks these endpoints need; the tier above gets as few
// switches as have ports for them, with several cables to each child where there is room.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"
#include "sim/cluster/generators/network.hpp"

namespace towtank {
namespace {

/// Ports of a switch below another tier.
struct Ports {
  int down = 0;
  int up = 0;
};

double oversubscription_of(const FabricSpec& spec, std::size_t tier) {
  return spec.oversubscription[std::min(tier, spec.oversubscription.size() - 1)];
}

/// How often faster links between switches are than those of cards: an uplink of twice the speed
/// serves twice the endpoints.
double uplink_speed(const FabricSpec& spec, const FabricSize& size) {
  return spec.link_bandwidth ? *spec.link_bandwidth / size.nic.bandwidth : 1.0;
}

/// The most down ports that the up ports left can serve: never more oversubscribed than stated.
Ports split_ports(int radix, double down_over_up) {
  const int up = std::max(1, static_cast<int>(std::floor(radix / (1.0 + down_over_up) + 1e-9)));
  const int down = static_cast<int>(std::floor(up * down_over_up + 1e-9));
  return {.down = std::min(radix - up, down), .up = up};
}

int uplinks_for(int down, double down_over_up) {
  return std::max(1, static_cast<int>(std::ceil(down / down_over_up - 1e-9)));
}

int largest_divisor_up_to(int number, int limit) {
  int divisor = std::max(1, std::min(number, limit));
  while (number % divisor != 0) {
    --divisor;
  }
  return divisor;
}

int ceiling(std::int64_t number, int divisor) {
  return static_cast<int>((number + divisor - 1) / divisor);
}

[[noreturn]] void too_many(const FabricSpec& spec, std::int64_t endpoints, std::int64_t room) {
  throw InputError(spec.place,
                   fmt::format("{} endpoints{} do not fit below {} tiers of {}-port switches, "
                               "which have room for {}",
                               format_count(static_cast<double>(endpoints)),
                               spec.kind == FabricKind::kMultiPlane ? " a plane" : "",
                               spec.tiers,
                               spec.radix,
                               format_count(static_cast<double>(room))),
                   spec.tiers < 3 ? fmt::format("tiers = {}, or a larger radix", spec.tiers + 1)
                                  : "a larger radix, more planes or more oversubscription");
}

/// Endpoints below one leaf, and how many leaves come together: a group of rails, or one.
struct LeafPlan {
  int leaves = 1;
  int size = 1;   // endpoints a leaf has room for
  int group = 1;  // leaves of the same nodes, kept in one pod
  std::int64_t endpoints = 0;
};

/// The shape of the tree above the leaves, with tiers that are not needed left out.
class TreePlanner {
 public:
  TreePlanner(const FabricSpec& spec, const FabricSize& size, const LeafPlan& leaves)
      : spec_(spec), leaves_(leaves), speed_(uplink_speed(spec, size)) {
    tree_.slots = std::int64_t{leaves.leaves} * leaves.size;
    add_tier(leaves.size, 1, 1);
  }

  Tree plan() {
    if (leaves_.leaves == 1) {
      return tree_;
    }
    const double at_leaf = oversubscription_of(spec_, 0) * speed_;
    const int uplinks = uplinks_for(leaves_.size, at_leaf);
    const Ports spine = split_ports(spec_.radix, oversubscription_of(spec_, 1));
    int pod = spine.down / leaves_.group * leaves_.group;
    pod = pod == 0 ? spine.down : pod;
    if (spec_.tiers < 2 || (spec_.tiers == 2 && leaves_.leaves > spec_.radix)) {
      too_many(spec_, leaves_.endpoints, room(2));
    }
    if (spec_.tiers == 2 || leaves_.leaves <= pod) {
      join(leaves_.leaves, uplinks, spec_.radix);
      return tree_;
    }
    join(pod, uplinks, spine.down);
    const int pods = ceiling(leaves_.leaves, pod);
    if (pods > spec_.radix) {
      too_many(spec_, leaves_.endpoints, room(3));
    }
    join(pods, uplinks_for(pod * tree_.cables.back(), oversubscription_of(spec_, 1)), spec_.radix);
    return tree_;
  }

 private:
  /// A tier whose switches have `children` children and at most `ports` ports towards them, for
  /// children of so many uplinks.
  void join(int children, int uplinks, int ports) {
    const int cables = largest_divisor_up_to(uplinks, ports / children);
    add_tier(children, uplinks / cables, cables);
  }

  void add_tier(int children, int parents, int cables) {
    tree_.children.push_back(children);
    tree_.parents.push_back(parents);
    tree_.cables.push_back(cables);
    tree_.below.push_back((tree_.below.empty() ? 1 : tree_.below.back()) * children);
    tree_.copies.push_back((tree_.copies.empty() ? 1 : tree_.copies.back()) * parents);
  }

  std::int64_t room(int tiers) const {
    if (tiers > spec_.tiers) {
      tiers = spec_.tiers;
    }
    const Ports spine = split_ports(spec_.radix, oversubscription_of(spec_, 1));
    const std::int64_t leaves = tiers < 2   ? 1
                                : tiers < 3 ? spec_.radix
                                            : std::int64_t{spine.down} * spec_.radix;
    return leaves * leaves_.size;
  }

  const FabricSpec& spec_;
  const LeafPlan leaves_;
  const double speed_;
  Tree tree_;
};

/// Leaves for `endpoints` cards of `nodes` nodes.
LeafPlan plan_leaves(const FabricSpec& spec, const FabricSize& size, int nodes, int nics) {
  const std::int64_t endpoints = std::int64_t{nodes} * nics;
  if (spec.kind == FabricKind::kNonblocking) {
    return {.size = static_cast<int>(endpoints), .endpoints = endpoints};
  }
  const double at_leaf = oversubscription_of(spec, 0) * uplink_speed(spec, size);
  const int most = spec.tiers == 1 ? spec.radix : split_ports(spec.radix, at_leaf).down;
  if (most < 1) {
    throw InputError(
        spec.place,
        fmt::format("a leaf of {} ports with {} down for each up has no port for cards",
                    spec.radix,
                    oversubscription_of(spec, 0)),
        "a larger radix, or oversubscription = 1");
  }
  if (spec.kind == FabricKind::kRailOptimised) {
    const int leaf = std::min(most, nodes);
    return {
        .leaves = ceiling(nodes, leaf) * nics, .size = leaf, .group = nics, .endpoints = endpoints};
  }
  const int leaf = static_cast<int>(std::min<std::int64_t>(most, endpoints));
  return {.leaves = ceiling(endpoints, leaf), .size = leaf, .endpoints = endpoints};
}

DeviceKind kind_of_tier(int tier) {
  return tier == 0 ? DeviceKind::kLeaf : tier == 1 ? DeviceKind::kSpine : DeviceKind::kCore;
}

/// Switches of the tree below which a tier-`tier` switch with `below` slots is, times its copies.
std::int64_t switches_of(const Tree& tree, std::size_t tier) {
  return (tree.slots + tree.below[tier] - 1) / tree.below[tier] * tree.copies[tier];
}

/// Cables from every switch of a tier to the next: up port q goes to parent q modulo the parents.
void wire_tier(const Tree& tree, std::size_t tier, std::uint16_t type, Wiring& wiring) {
  const int parents = tree.parents[tier + 1];
  const int ports = parents * tree.cables[tier + 1];
  const std::int64_t switches = switches_of(tree, tier);
  wiring.reserve(static_cast<std::size_t>(switches * ports));
  for (std::int64_t index = 0; index < switches; ++index) {
    const std::int64_t group = index / tree.copies[tier] / tree.children[tier + 1];
    const std::int64_t copy = index % tree.copies[tier];
    const std::int64_t first = group * tree.copies[tier + 1] + copy * parents;
    for (int port = 0; port < ports; ++port) {
      wiring.connect(tree.first[tier] + static_cast<DeviceId>(index),
                     tree.first[tier + 1] + static_cast<DeviceId>(first + port % parents),
                     type);
    }
  }
}

/// The card's endpoint in the tree of its plane. Rail-optimised: leaf (group of nodes, rail), and
/// the node's place in the group; otherwise cards in order, node by node.
std::int64_t endpoint_of(const FabricSpec& spec, const Tree& tree, int nics, int node, int nic) {
  if (spec.kind == FabricKind::kRailOptimised) {
    const int leaf = tree.children[0];
    return (std::int64_t{node / leaf} * nics + nic) * leaf + node % leaf;
  }
  return std::int64_t{node} * (nics / spec.planes) + nic / spec.planes;
}

void wire_cards(NetworkSite& site, const Tree& tree, int plane) {
  const std::uint16_t type = site.wiring.type_of(card_link(site.spec, site.size));
  const int planes = site.spec.planes;
  for (int node = 0; node < site.node.nodes; ++node) {
    for (int nic = plane; nic < site.node.nics; nic += planes) {
      const std::int64_t endpoint = endpoint_of(site.spec, tree, site.node.nics, node, nic);
      const auto card = static_cast<std::size_t>(node) * static_cast<std::size_t>(site.node.nics) +
                        static_cast<std::size_t>(nic);
      site.endpoints[card] = static_cast<std::int32_t>(endpoint);
      site.wiring.connect(site.node.first_nic + static_cast<DeviceId>(card),
                          tree.first[0] + static_cast<DeviceId>(endpoint / tree.children[0]),
                          type);
    }
  }
}

}  // namespace

TreeNetwork wire_trees(NetworkSite& site) {
  const FabricSpec& spec = site.spec;
  if (site.node.nics % spec.planes != 0) {
    throw InputError(spec.place,
                     fmt::format("{} network cards of a node do not divide among {} planes",
                                 site.node.nics,
                                 spec.planes),
                     "as many planes as cards a node has, or a divisor of it");
  }
  const LeafPlan leaves =
      plan_leaves(spec, site.size, site.node.nodes, site.node.nics / spec.planes);
  const Tree shape = TreePlanner(spec, site.size, leaves).plan();
  const std::uint16_t type = site.wiring.type_of(switch_link(spec, site.size));
  TreeNetwork network;
  for (int plane = 0; plane < spec.planes; ++plane) {
    Tree tree = shape;
    tree.plane = spec.planes > 1 ? plane : -1;
    for (std::size_t tier = 0; tier < tree.children.size(); ++tier) {
      tree.first.push_back(site.wiring.add_devices(
          kind_of_tier(static_cast<int>(tier)), switches_of(tree, tier), tree.plane));
    }
    wire_cards(site, tree, plane);
    for (std::size_t tier = 0; tier + 1 < tree.children.size(); ++tier) {
      wire_tier(tree, tier, type, site.wiring);
    }
    network.trees.push_back(std::move(tree));
  }
  return network;
}

}  // namespace towtank
