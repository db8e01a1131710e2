#include "sim/cluster/bisection.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <utility>
#include <variant>
#include <vector>

namespace towtank {
namespace {

// ---- Trees ----
//
// All switches above the same cards are copies of each other and all children are joined to each
// copy alike, so traffic spread evenly over the copies is limited by what enters and leaves a
// subtree in all: a fat tree is as good as a tree of one fat link for each subtree. In that tree a
// cut puts each subtree on one side, and pays the uplinks of those on the other side than what is
// above. Taking k cards to the other side out of equal subtrees is cheapest with whole subtrees as
// far as they go, and the rest out of one: the cost of taking part of a subtree is the cheaper of
// cutting inside it and of turning it over and giving the others back.

/// Equal subtrees: cards, and bandwidth up, of each.
struct Branch {
  std::int64_t cards = 1;
  double uplink = 0.0;
  std::vector<std::pair<std::int64_t, Branch>> children = {};  // how many, of which shape
};

double cost_inside(const Branch& branch, std::int64_t taken);

/// Cost of having `taken` cards of the branch on the side away from what is above it.
double cost_of(const Branch& branch, std::int64_t taken) {
  if (taken == 0) {
    return 0.0;
  }
  if (branch.children.empty()) {
    return static_cast<double>(taken) * branch.uplink;
  }
  return std::min(cost_inside(branch, taken),
                  branch.uplink + cost_inside(branch, branch.cards - taken));
}

/// As many whole children of the shape as `taken` has room for, and the cards left.
std::pair<std::int64_t, std::int64_t> whole(const std::pair<std::int64_t, Branch>& group,
                                            std::int64_t taken) {
  const std::int64_t count = std::min(group.first, taken / group.second.cards);
  return {count, taken - count * group.second.cards};
}

/// The branch's own switches stay; `taken` of its cards do not. At most one child is cut through.
double cost_inside(const Branch& branch, std::int64_t taken) {
  const auto& regular = branch.children.front();
  const double each = cost_of(regular.second, regular.second.cards);
  const auto with_regular = [&regular, each](std::int64_t cards) {
    const auto [count, left] = whole(regular, cards);
    const bool enough = left == 0 || (left < regular.second.cards && count < regular.first);
    return enough ? static_cast<double>(count) * each + cost_of(regular.second, left)
                  : std::numeric_limits<double>::infinity();
  };
  double best = with_regular(taken);
  if (branch.children.size() > 1) {
    const auto& [ragged, shape] = branch.children.back();
    const double ragged_each = cost_of(shape, shape.cards);
    for (std::int64_t turned = 1; turned <= ragged && turned * shape.cards <= taken; ++turned) {
      best = std::min(
          best,
          static_cast<double>(turned) * ragged_each + with_regular(taken - turned * shape.cards));
    }
    for (std::int64_t turned = 0; turned < ragged; ++turned) {  // and one more cut through
      const auto [count, left] = whole(regular, taken - turned * shape.cards);
      if (taken >= turned * shape.cards && left < shape.cards) {
        best = std::min(best,
                        static_cast<double>(turned) * ragged_each +
                            static_cast<double>(count) * each + cost_of(shape, left));
      }
    }
  }
  return best;
}

/// Cards of each leaf of a tree.
std::vector<std::int64_t> cards_of_leaves(const Fabric& fabric, const Tree& tree) {
  std::vector<std::int64_t> cards(
      static_cast<std::size_t>(tree.slots / tree.below[0] + (tree.slots % tree.below[0] != 0)));
  const int planes = fabric.spec.planes;
  for (std::size_t card = 0; card < fabric.endpoints.size(); ++card) {
    const auto nic = card % static_cast<std::size_t>(fabric.node.nics);
    if (tree.plane < 0 || static_cast<int>(nic) % planes == tree.plane) {
      ++cards[static_cast<std::size_t>(fabric.endpoints[card] / tree.below[0])];
    }
  }
  return cards;
}

/// Groups neighbouring equal shapes of the parts first .. last.
std::vector<std::pair<std::int64_t, Branch>> grouped(const std::vector<Branch>& parts,
                                                     std::size_t first,
                                                     std::size_t last) {
  std::vector<std::pair<std::int64_t, Branch>> groups;
  for (std::size_t i = first; i < last; ++i) {
    if (!groups.empty() && groups.back().second.cards == parts[i].cards) {
      ++groups.back().first;
    } else {
      groups.emplace_back(1, parts[i]);
    }
  }
  return groups;
}

double tree_bisection(const Fabric& fabric, const Tree& tree) {
  const double card = fabric.size.nic.bandwidth.si();
  const double cable = fabric.spec.link_bandwidth.value_or(fabric.size.nic.bandwidth).si();
  std::vector<Branch> parts;
  for (const std::int64_t cards : cards_of_leaves(fabric, tree)) {
    parts.push_back({.cards = cards, .children = {{cards, Branch{.cards = 1, .uplink = card}}}});
  }
  for (std::size_t tier = 1; tier < tree.first.size(); ++tier) {
    const double uplink = cable * tree.copies[tier - 1] * tree.parents[tier] * tree.cables[tier];
    for (Branch& part : parts) {
      part.uplink = uplink;
    }
    std::vector<Branch> above;
    const auto children = static_cast<std::size_t>(tree.children[tier]);
    for (std::size_t i = 0; i < parts.size(); i += children) {
      Branch branch{.cards = 0,
                    .children = grouped(parts, i, std::min(parts.size(), i + children))};
      for (const auto& [count, child] : branch.children) {
        branch.cards += count * child.cards;
      }
      above.push_back(std::move(branch));
    }
    parts = std::move(above);
  }
  return cost_inside(parts.front(), parts.front().cards / 2);
}

// ---- Tori ----

/// Links cut when a torus with all its switches is halved: across one ring length that is even, or
/// in steps down through the odd ones (Aroca and Fernandez Anta, "Bisection (band)width of product
/// networks with application to data centers", 2014). A ring of two is a single link.
double torus_links(std::vector<int> sizes) {
  std::erase(sizes, 1);
  std::ranges::sort(sizes, std::greater<>());
  const double switches =
      std::accumulate(sizes.begin(), sizes.end(), 1.0, [](double a, int b) { return a * b; });
  const auto rings_cut = [](int size) { return size == 2 ? 1.0 : 2.0; };
  double best = std::numeric_limits<double>::infinity();
  double below = switches;  // switches in one layer across the lengths so far
  double steps = 0.0;
  for (const int size : sizes) {
    if (size % 2 == 0) {
      best = std::min(best, rings_cut(size) * switches / size);
    }
    below /= size;
    steps += rings_cut(size) * below;
    if (size % 2 == 0) {
      break;
    }
  }
  return sizes.empty() ? 0.0 : std::min(best, steps);
}

// ---- Other networks ----

/// Switches with their cards, and the bandwidth between them.
struct SwitchGraph {
  std::vector<std::int64_t> cards;
  std::vector<std::vector<std::pair<std::size_t, double>>> links;
};

SwitchGraph switch_graph(const Fabric& fabric, const GraphNetwork& network) {
  SwitchGraph graph;
  graph.cards.assign(network.switches, 0);
  graph.links.resize(network.switches);
  for (DeviceId at = 0; at < network.switches; ++at) {
    const LinkId first = fabric.first_link(network.first_switch + at);
    const int ports = fabric.ports(network.first_switch + at);
    for (LinkId link = first; link < first + ports; ++link) {
      const DeviceId other = fabric.head(link) - network.first_switch;
      const LinkType& type = fabric.link(link);
      if (other >= network.switches) {
        ++graph.cards[at];
      } else if (type.health > 0.0) {
        graph.links[at].emplace_back(other, type.bandwidth.si() / type.health);
      }
    }
  }
  return graph;
}

double cut_of(const SwitchGraph& graph, const std::vector<bool>& side) {
  double cut = 0.0;
  for (std::size_t at = 0; at < side.size(); ++at) {
    for (const auto& [other, bandwidth] : graph.links[at]) {
      cut += at < other && side[at] != side[other] ? bandwidth : 0.0;
    }
  }
  return cut;
}

/// Halves by an order of the switches: the first with half of all cards on one side.
std::vector<bool> halves(const SwitchGraph& graph, const std::vector<std::size_t>& order) {
  const std::int64_t all = std::accumulate(graph.cards.begin(), graph.cards.end(), std::int64_t{0});
  std::vector<bool> side(graph.cards.size(), false);
  std::int64_t taken = 0;
  for (const std::size_t at : order) {
    if (2 * (taken + graph.cards[at]) <= all) {
      side[at] = true;
      taken += graph.cards[at];
    }
  }
  return side;
}

/// The order of the second eigenvector of the links' Laplacian, by power iteration.
std::vector<std::size_t> spectral_order(const SwitchGraph& graph) {
  constexpr int kSteps = 300;
  const std::size_t size = graph.cards.size();
  double most = 0.0;
  std::vector<double> degrees(size, 0.0);
  for (std::size_t at = 0; at < size; ++at) {
    for (const auto& [other, bandwidth] : graph.links[at]) {
      degrees[at] += bandwidth;
    }
    most = std::max(most, degrees[at]);
  }
  std::vector<double> values(size);
  for (std::size_t at = 0; at < size; ++at) {
    values[at] = std::sin(static_cast<double>(at) * 6.283185307179586 / static_cast<double>(size));
  }
  for (int step = 0; step < kSteps; ++step) {
    std::vector<double> next(size);
    for (std::size_t at = 0; at < size; ++at) {
      next[at] = (2.0 * most - degrees[at]) * values[at];
      for (const auto& [other, bandwidth] : graph.links[at]) {
        next[at] += bandwidth * values[other];
      }
    }
    const double mean = std::accumulate(next.begin(), next.end(), 0.0) / static_cast<double>(size);
    double length = 0.0;
    for (double& value : next) {
      value -= mean;
      length += value * value;
    }
    for (double& value : next) {
      value /= std::max(std::sqrt(length), 1e-300);
    }
    values = std::move(next);
  }
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, std::ranges::less(), [&values](std::size_t at) { return values[at]; });
  return order;
}

/// Swaps pairs of switches with equally many cards while the best swap makes the cut smaller.
void refine(const SwitchGraph& graph, std::vector<bool>& side) {
  const std::size_t size = side.size();
  const auto gain = [&graph, &side](std::size_t at) {
    double sum = 0.0;
    for (const auto& [other, bandwidth] : graph.links[at]) {
      sum += side[at] != side[other] ? bandwidth : -bandwidth;
    }
    return sum;
  };
  const auto between = [&graph](std::size_t a, std::size_t b) {
    double sum = 0.0;
    for (const auto& [other, bandwidth] : graph.links[a]) {
      sum += other == b ? bandwidth : 0.0;
    }
    return sum;
  };
  constexpr int kMostSwaps = 2000;
  for (int swap = 0; swap < kMostSwaps; ++swap) {
    // The best on each side, by number of cards.
    std::map<std::int64_t, std::pair<std::size_t, std::size_t>> best;
    std::map<std::int64_t, std::pair<double, double>> gains;
    for (std::size_t at = 0; at < size; ++at) {
      const auto [entry, is_new] = best.try_emplace(graph.cards[at], size, size);
      auto& gained = gains[graph.cards[at]];
      std::size_t& index = side[at] ? entry->second.first : entry->second.second;
      double& value = side[at] ? gained.first : gained.second;
      const double here = gain(at);
      if (index == size || here > value) {
        index = at;
        value = here;
      }
    }
    bool swapped = false;
    for (const auto& [cards, pair] : best) {
      const auto [a, b] = pair;
      if (!swapped && a < size && b < size) {
        const double gained = gains[cards].first + gains[cards].second - 2.0 * between(a, b);
        if (gained > 1e-6 * (std::abs(gains[cards].first) + 1.0)) {
          side[a] = false;
          side[b] = true;
          swapped = true;
        }
      }
    }
    if (!swapped) {
      return;
    }
  }
}

Bisection searched(const Fabric& fabric, const GraphNetwork& network) {
  const SwitchGraph graph = switch_graph(fabric, network);
  std::vector<std::size_t> in_order(graph.cards.size());
  std::iota(in_order.begin(), in_order.end(), std::size_t{0});
  double best = std::numeric_limits<double>::infinity();
  for (const std::vector<std::size_t>& order : {in_order, spectral_order(graph)}) {
    std::vector<bool> side = halves(graph, order);
    best = std::min(best, cut_of(graph, side));
    refine(graph, side);
    best = std::min(best, cut_of(graph, side));
  }
  return {.bandwidth = Bandwidth(best), .exact = false, .method = "least of the cuts tried"};
}

}  // namespace

Bisection bisection(const Fabric& fabric) {
  if (const auto* trees = std::get_if<TreeNetwork>(&fabric.network)) {
    double sum = 0.0;
    for (const Tree& tree : trees->trees) {
      sum += tree_bisection(fabric, tree);
    }
    return {.bandwidth = Bandwidth(sum),
            .exact = true,
            .method = trees->trees.size() > 1 ? "formula for fat trees, summed over the planes"
                                              : "formula for fat trees"};
  }
  if (fabric.spec.kind == FabricKind::kTorus) {
    const Bandwidth link = fabric.spec.link_bandwidth.value_or(fabric.size.nic.bandwidth);
    return {.bandwidth = torus_links(fabric.spec.torus.sizes) * link,
            .exact = true,
            .method = "formula for tori with a card at every place"};
  }
  return searched(fabric, std::get<GraphNetwork>(fabric.network));
}

}  // namespace towtank
