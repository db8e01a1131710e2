// Ways in fat trees: up until the destination is below, then down. No tables: everything follows
// from how switches and ports are numbered.
#include <algorithm>
#include <variant>

#include "sim/cluster/switch_paths.hpp"

namespace towtank {
namespace {

/// A switch by its place in the tree.
struct Position {
  int tier = 0;
  std::int64_t subtree = 0;  // which slots are below it
  std::int64_t copy = 0;     // which of the switches above the same slots
};

/// Consecutive links of a switch.
struct Ports {
  LinkId first = 0;
  int count = 0;
};

class TreePaths final : public SwitchPaths {
 public:
  TreePaths(const Fabric& fabric, const TreeNetwork& network)
      : fabric_(fabric), network_(network) {}

  void next_hops(DeviceId at, const Destination& to, NextHops& hops) const override {
    const Tree& tree = network_.trees[static_cast<std::size_t>(to.tree)];
    const Position position = position_of(tree, at);
    const Ports ports = ports_towards(tree, at, position, to);
    hops.preferred = d_mod_k(tree, position, to) % std::max(1, ports.count);
    if (!tree.has_failures) {
      hops.set_range(ports.first, ports.count);
      return;
    }
    // The preferred one keeps its destinations; those of a failed one go by number to the others.
    const int wanted = hops.preferred;
    hops.clear();
    for (int i = 0; i < ports.count; ++i) {
      if (reaches(tree, ports.first + i, to)) {
        hops.preferred = i == wanted ? hops.size() : hops.preferred;
        hops.add(ports.first + i);
      }
    }
  }

 private:
  static Position position_of(const Tree& tree, DeviceId at) {
    int tier = tree.tiers() - 1;
    while (at < tree.first[static_cast<std::size_t>(tier)]) {
      --tier;
    }
    const auto i = static_cast<std::size_t>(tier);
    const std::int64_t index = at - tree.first[i];
    return {.tier = tier, .subtree = index / tree.copies[i], .copy = index % tree.copies[i]};
  }

  static bool is_below(const Tree& tree, const Position& at, const Destination& to) {
    return to.endpoint / tree.below[static_cast<std::size_t>(at.tier)] == at.subtree;
  }

  Ports ports_towards(const Tree& tree,
                      DeviceId at,
                      const Position& position,
                      const Destination& to) const {
    const auto i = static_cast<std::size_t>(position.tier);
    if (!is_below(tree, position, to)) {
      const int up = tree.parents[i + 1] * tree.cables[i + 1];
      return {.first = fabric_.first_link(at) + fabric_.ports(at) - up, .count = up};
    }
    if (position.tier == 0) {
      return {.first = to.downlink, .count = 1};
    }
    const auto child = static_cast<int>(to.endpoint / tree.below[i - 1] % tree.children[i]);
    return {.first = fabric_.first_link(at) + child * tree.cables[i], .count = tree.cables[i]};
  }

  /// The port, counted among those towards the destination, that Zahavi's rule gives it: up,
  /// q = d / (copies of this tier) modulo the up ports; down, the cable by which the child's own q
  /// would come up.
  static int d_mod_k(const Tree& tree, const Position& at, const Destination& to) {
    const auto i = static_cast<std::size_t>(at.tier);
    if (!is_below(tree, at, to)) {
      return static_cast<int>(to.endpoint / tree.copies[i] %
                              (tree.parents[i + 1] * tree.cables[i + 1]));
    }
    if (at.tier == 0) {
      return 0;
    }
    return static_cast<int>(to.endpoint / tree.copies[i - 1] % (tree.parents[i] * tree.cables[i])) /
           tree.parents[i];
  }

  /// Whether the link is sound and some sound way goes on behind it.
  bool reaches(const Tree& tree, LinkId link, const Destination& to) const {
    if (fabric_.link(link).bandwidth <= Bandwidth()) {
      return false;
    }
    if (link == to.downlink) {
      return true;
    }
    const DeviceId next = fabric_.head(link);
    const Ports ports = ports_towards(tree, next, position_of(tree, next), to);
    for (int i = 0; i < ports.count; ++i) {
      if (reaches(tree, ports.first + i, to)) {
        return true;
      }
    }
    return false;
  }

  const Fabric& fabric_;
  const TreeNetwork& network_;
};

}  // namespace

std::unique_ptr<SwitchPaths> tree_paths(const Fabric& fabric, const TreeNetwork& network) {
  return std::make_unique<TreePaths>(fabric, network);
}

std::unique_ptr<SwitchPaths> switch_paths(const Fabric& fabric) {
  if (const auto* trees = std::get_if<TreeNetwork>(&fabric.network)) {
    return tree_paths(fabric, *trees);
  }
  return graph_paths(fabric, std::get<GraphNetwork>(fabric.network));
}

}  // namespace towtank
