#include "sim/graph/tree_bundles.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

namespace towtank {
namespace {

WireKey key_of(const Tree& tree, std::size_t tier, std::int64_t subtree) {
  const WireKey place = static_cast<WireKey>(subtree) * 16 + tier;
  return kBundleKey + (place * 2048 + static_cast<WireKey>(tree.plane + 1)) * 2;
}

/// The tree of a switch, and its tier there.
std::pair<const Tree*, std::size_t> tree_of(const Fabric& fabric,
                                            const TreeNetwork& network,
                                            DeviceId device) {
  const int plane = std::max(fabric.block_of(device).plane, 0);
  const Tree& tree = network.trees.at(static_cast<std::size_t>(plane));
  auto tier = static_cast<std::size_t>(tree.tiers() - 1);
  while (device < tree.first[tier]) {
    --tier;
  }
  return {&tree, tier};
}

}  // namespace

TreeBundles::TreeBundles(const Fabric& fabric, Bandwidth card)
    : fabric_(fabric), cable_(fabric.spec.link_bandwidth.value_or(card)) {
  note_slow_cables();
}

const Tree* TreeBundles::even_tree(int card) const {
  const auto* network = std::get_if<TreeNetwork>(&fabric_.network);
  if (network == nullptr || fabric_.spec.routing != RoutingRule::kAdaptive) {
    return nullptr;
  }
  const auto plane = static_cast<std::size_t>(card % fabric_.node.nics) % network->trees.size();
  const Tree& tree = network->trees[plane];
  return tree.has_failures ? nullptr : &tree;
}

TreeBundle TreeBundles::bundle(const Tree& tree, std::size_t tier, std::int64_t subtree) const {
  constexpr std::array kNames = {"leaf", "spine", "core"};
  const WireKey key = key_of(tree, tier, subtree);
  // Of a switch's uplinks the tier above tells; all switches above these slots have as many.
  const int cables = tree.copies[tier] * tree.parents[tier + 1] * tree.cables[tier + 1];
  const auto slow = worst_cable_.find(key);
  return {.key = key,
          .tier = kNames.at(std::min<std::size_t>(tier, 2)),
          .capacity = cable_ * cables * (slow == worst_cable_.end() ? 1.0 : slow->second),
          .cables = cables};
}

void TreeBundles::note_slow_cables() {
  const auto* network = std::get_if<TreeNetwork>(&fabric_.network);
  if (network == nullptr) {
    return;
  }
  for (const Fault& fault : fabric_.spec.faults) {
    const DeviceId device = find_device(fabric_, fault.devices.front(), fault.place);
    if (!is_switch(fabric_, device)) {
      continue;
    }
    const LinkId first = fabric_.first_link(device);
    for (LinkId link = first; link < first + fabric_.ports(device); ++link) {
      const DeviceId other = fabric_.head(link);
      const double health = fabric_.link(link).health;
      if (!is_switch(fabric_, other) || health >= 1.0) {
        continue;
      }
      const auto [tree, tier] = tree_of(fabric_, *network, std::min(device, other));
      const std::int64_t index = std::min(device, other) - tree->first[tier];
      double& worst = worst_cable_.try_emplace(key_of(*tree, tier, index / tree->copies[tier]), 1.0)
                          .first->second;
      worst = std::min(worst, health);
    }
  }
}

}  // namespace towtank
