#include "sim/cluster/hop_counts.hpp"

#include <algorithm>
#include <cstdint>
#include <variant>
#include <vector>

namespace towtank {
namespace {

constexpr std::int64_t kMostWork = 200'000'000;  // links looked at: a fraction of a second

/// The switches between nodes, numbered from the first, with the cards of each.
struct Switches {
  DeviceId first = 0;
  std::vector<std::int64_t> cards;
  std::vector<DeviceId> with_cards;
};

Switches switches_of(const Fabric& fabric) {
  Switches switches;
  switches.first = fabric.node.first_nic + static_cast<DeviceId>(fabric.endpoints.size());
  switches.cards.assign(fabric.devices() - switches.first, 0);
  for (std::size_t card = 0; card < fabric.downlinks.size(); ++card) {
    const LinkId down = fabric.downlinks[card];
    if (down >= 0 && fabric.link(down).bandwidth > Bandwidth()) {
      const DeviceId nic = fabric.node.first_nic + static_cast<DeviceId>(card);
      const LinkId up = fabric.first_link(nic) + fabric.ports(nic) - 1;
      ++switches.cards[fabric.head(up) - switches.first];
    }
  }
  for (DeviceId at = 0; at < switches.cards.size(); ++at) {
    if (switches.cards[at] > 0) {
      switches.with_cards.push_back(at);
    }
  }
  return switches;
}

void search(const Fabric& fabric,
            const Switches& switches,
            DeviceId source,
            std::vector<int>& distances) {
  distances.assign(switches.cards.size(), -1);
  distances[source] = 0;
  std::vector<DeviceId> queue = {source};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const LinkId first = fabric.first_link(switches.first + queue[i]);
    const int ports = fabric.ports(switches.first + queue[i]);
    for (LinkId link = first; link < first + ports; ++link) {
      const DeviceId next = fabric.head(link) - switches.first;
      if (next < distances.size() && distances[next] < 0 &&
          fabric.link(link).bandwidth > Bandwidth()) {
        distances[next] = distances[queue[i]] + 1;
        queue.push_back(next);
      }
    }
  }
}

/// Ordered pairs of different cards that meet in one subtree, over all subtrees of a tier.
double pairs_within(const Fabric& fabric, const TreeNetwork& network, std::size_t tier) {
  double pairs = 0.0;
  for (const Tree& tree : network.trees) {
    const std::int64_t below = tree.below[tier];
    std::vector<std::int64_t> cards(static_cast<std::size_t>((tree.slots + below - 1) / below));
    const auto nics = static_cast<std::size_t>(fabric.node.nics);
    for (std::size_t card = 0; card < fabric.endpoints.size(); ++card) {
      const auto nic = static_cast<int>(card % nics);
      if (tree.plane < 0 || nic % fabric.spec.planes == tree.plane) {
        ++cards[static_cast<std::size_t>(fabric.endpoints[card] / below)];
      }
    }
    for (const std::int64_t count : cards) {
      pairs += static_cast<double>(count) * static_cast<double>(count - 1);
    }
  }
  return pairs;
}

HopCounts count_in_trees(const Fabric& fabric, const TreeNetwork& network) {
  HopCounts counts;
  double pairs = 0.0;
  double hops = 0.0;
  const auto tiers = static_cast<std::size_t>(network.trees.front().tiers());
  for (std::size_t tier = 0; tier < tiers; ++tier) {
    const double within = pairs_within(fabric, network, tier);
    const int links = 2 * static_cast<int>(tier + 1);
    if (within > pairs) {
      counts.diameter = links;
      hops += (within - pairs) * links;
    }
    pairs = within;
  }
  counts.mean = pairs > 0.0 ? hops / pairs : 0.0;
  return counts;
}

}  // namespace

HopCounts count_hops(const Fabric& fabric) {
  const auto* const trees = std::get_if<TreeNetwork>(&fabric.network);
  if (trees != nullptr && !fabric.has_failures) {
    return count_in_trees(fabric, *trees);
  }
  const Switches switches = switches_of(fabric);
  std::int64_t links = 1;
  for (DeviceId at = switches.first; at < fabric.devices(); ++at) {
    links += fabric.ports(at);
  }
  const auto all = static_cast<std::int64_t>(switches.with_cards.size());
  const std::int64_t sources =
      std::clamp<std::int64_t>(kMostWork / links, 1, std::max<std::int64_t>(all, 1));
  HopCounts counts{.complete = sources == all};
  double pairs = 0.0;
  double hops = 0.0;
  std::vector<int> distances;
  for (std::int64_t i = 0; i < sources && all > 0; ++i) {
    const DeviceId source = switches.with_cards[static_cast<std::size_t>(i * all / sources)];
    search(fabric, switches, source, distances);
    for (const DeviceId target : switches.with_cards) {
      const auto from = static_cast<double>(switches.cards[source]);
      const auto to = static_cast<double>(switches.cards[target]);
      const double here = source == target ? from * (from - 1.0) : from * to;
      if (distances[target] >= 0 && here > 0.0) {
        counts.diameter = std::max(counts.diameter, distances[target] + 2);
        pairs += here;
        hops += here * (distances[target] + 2);
      }
    }
  }
  counts.mean = pairs > 0.0 ? hops / pairs : 0.0;
  return counts;
}

}  // namespace towtank
