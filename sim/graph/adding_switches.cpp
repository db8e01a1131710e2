// Which wires the streams cross that the switches of the network add up and copy (SHARP).
#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/graph/fabric_wires.hpp"

namespace towtank {

/// One tree: the cards that it joins, the first of them at the switch that the others go to, and
/// how much of the stream it carries.
struct FabricWires::AddingTree {
  std::vector<int> gpus;  // on the fabric, as all here
  std::vector<int> cards;
  double share = 1.0;
};

/// One tree for each card of the GPUs.
std::vector<FabricWires::AddingTree> FabricWires::adding_trees(std::span<const int> gpus) const {
  const int root = ports_.on_fabric(gpus.front());
  std::map<int, AddingTree> trees;  // by the first GPU's card
  for (const int other : gpus.subspan(1)) {
    const int gpu = ports_.on_fabric(other);
    const std::vector<CardWay> ways = router_.card_ways(gpu, root);
    const auto own = [&](const CardWay& way) {
      return way.from_gpu == gpu && way.to_gpu == root && way.from_card != way.to_card;
    };
    if (ways.empty() || !std::ranges::all_of(ways, own)) {
      throw InputError(
          fabric_.spec.place,
          fmt::format("no switches add up what {} and {} send: the network does not join their own "
                      "cards",
                      device_name(fabric_, static_cast<DeviceId>(gpu)),
                      device_name(fabric_, static_cast<DeviceId>(root))),
          "groups with equal places on all nodes, or no in-network reduction");
    }
    for (const CardWay& way : ways) {
      AddingTree& tree = trees[way.to_card];
      if (tree.cards.empty()) {
        tree = {.gpus = {root}, .cards = {way.to_card}, .share = way.share};
      }
      tree.gpus.push_back(gpu);
      tree.cards.push_back(way.from_card);
    }
  }
  std::vector<AddingTree> result;
  result.reserve(trees.size());
  const double share = trees.begin()->second.share;
  for (auto& [card, tree] : trees) {
    if (tree.cards.size() != gpus.size() || tree.share != share) {
      throw InputError(fabric_.spec.place,
                       fmt::format("failures leave {} fewer cards than the other GPUs whose data "
                                   "switches add up",
                                   device_name(fabric_, static_cast<DeviceId>(root))),
                       "no in-network reduction, or a group without that node");
    }
    result.push_back(std::move(tree));
  }
  return result;
}

const FabricPath& FabricWires::added_up(std::span<const int> gpus) {
  begin_path();
  if (gpus.size() < 2) {
    return path_;
  }
  for (const AddingTree& adding : adding_trees(gpus)) {
    for (std::size_t i = 0; i < adding.cards.size(); ++i) {
      cross_end(adding.gpus[i], adding.cards[i], PortSide::kOut, adding.share);
      cross_end(adding.gpus[i], adding.cards[i], PortSide::kIn, adding.share);
    }
    if (const Tree* tree = bundles_.even_tree(adding.cards.front())) {
      cross_even_tree(*tree, adding);
    } else {
      cross_chosen_tree(adding);
    }
  }
  std::ranges::sort(path_.shares);
  return path_;
}

/// Every subtree with members that is not all of them: up once, down once.
void FabricWires::cross_even_tree(const Tree& tree, const AddingTree& adding) {
  int tiers = 1;
  for (std::size_t tier = 0; tier + 1 < tree.first.size(); ++tier) {
    std::set<std::int64_t> subtrees;
    for (const int card : adding.cards) {
      subtrees.insert(fabric_.endpoints[static_cast<std::size_t>(card)] / tree.below[tier]);
    }
    if (subtrees.size() < 2) {
      break;
    }
    tiers = static_cast<int>(tier) + 2;
    for (const std::int64_t subtree : subtrees) {
      const TreeBundle cables = bundles_.bundle(tree, tier, subtree);
      add_share(
          wire(cables.key,
               {.name = cables.tier + " up", .capacity = cables.capacity, .cables = cables.cables}),
          adding.share);
      add_share(wire(cables.key + 1,
                     {.name = cables.tier + " down",
                      .capacity = cables.capacity,
                      .cables = cables.cables}),
                adding.share);
    }
  }
  check_tiers_add(tiers);
}

/// The links that the routing takes towards the first card's switch.
void FabricWires::cross_chosen_tree(const AddingTree& adding) {
  std::vector<LinkId> links;
  router_.adding_tree(adding.cards, links);
  DeviceKind highest = DeviceKind::kLeaf;
  for (const LinkId link : links) {
    highest = std::max(highest, fabric_.kind(fabric_.head(link)));
    cross_link(link, adding.share);
  }
  check_tiers_add(static_cast<int>(highest) - static_cast<int>(DeviceKind::kLeaf) + 1);
}

void FabricWires::check_tiers_add(int tiers) const {
  constexpr std::array kSwitches = {"leaf", "spine", "core"};
  const int adding = fabric_.spec.adding_tiers.value_or(tiers);
  if (tiers > adding) {
    throw InputError(
        fabric_.spec.place,
        fmt::format("what these GPUs send would meet in {} switches, which do not add",
                    kSwitches.at(std::min<std::size_t>(static_cast<std::size_t>(tiers) - 1, 2))),
        "cluster.fabric.in_network lists the tiers that do; without --in-network and --algorithm "
        "in-network another algorithm is chosen");
  }
}

}  // namespace towtank
