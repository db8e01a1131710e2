// Which devices and links of a fabric the picture shows.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"
#include "tools/topology_report.hpp"

namespace towtank {
namespace {

constexpr int kMostInRow = 24;
constexpr int kMostPlanes = 12;
constexpr int kMostOnCircle = 2'000;
constexpr int kMostOnGrid = 1'200;
constexpr int kMostLines = 7'000;

std::string count_text(std::int64_t number) {
  return format_count(static_cast<double>(number));
}

/// Up to `most` of 0 .. count - 1: all, or the first and the last.
std::vector<std::int64_t> first_and_last(std::int64_t count, std::int64_t most) {
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < count; ++i) {
    if (count <= most || i < (most + 1) / 2 || i >= count - most / 2) {
      chosen.push_back(i);
    }
  }
  return chosen;
}

class TierPicture {
 public:
  TierPicture(const Fabric& fabric, const TopologyReport& report)
      : fabric_(fabric), report_(report) {
    drawing_.gpus_per_node = fabric.node.gpus;
    drawing_.nics_per_node = fabric.node.nics;
    drawing_.nvswitches_per_node = fabric.node.nvswitches;
    drawing_.pcie_per_node = fabric.node.pcie_switches;
  }

  TopologyDrawing draw() {
    for (const DeviceKind kind : {DeviceKind::kCore, DeviceKind::kSpine, DeviceKind::kLeaf}) {
      add_switches(kind);
    }
    add_cards();
    add_links();
    return std::move(drawing_);
  }

 private:
  void show(DrawnTier& tier, DeviceId device, int plane, bool gap_after) {
    places_[device] = {static_cast<int>(drawing_.tiers.size()),
                       static_cast<int>(tier.shown.size())};
    devices_.push_back(device);
    tier.shown.push_back(
        {.name = device_name(fabric_, device), .plane = plane, .gap_after = gap_after});
  }

  void add_switches(DeviceKind kind) {
    DrawnTier tier{.kind = std::string(name(kind))};
    const int each = std::max(2, kMostInRow / std::min(fabric_.spec.planes, kMostPlanes));
    for (const DeviceBlock& block : fabric_.blocks) {
      if (block.kind != kind) {
        continue;
      }
      tier.count += block.count;
      if (block.plane >= kMostPlanes) {
        continue;
      }
      const std::vector<std::int64_t> chosen = first_and_last(block.count, each);
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        const bool gap = i + 1 < chosen.size() && chosen[i + 1] != chosen[i] + 1;
        show(tier, block.first + static_cast<DeviceId>(chosen[i]), block.plane, gap);
      }
    }
    if (tier.count > 0) {
      tier.links_below = links_below(kind);
      drawing_.tiers.push_back(std::move(tier));
    }
  }

  /// "2,048 x 50.0 GB/s" for the links to lower kinds.
  std::string links_below(DeviceKind kind) const {
    for (const TopologyLinks& links : report_.links) {
      if (links.to == name(kind) && links.from != links.to && links.health == 1.0) {
        return fmt::format("{} x {}", count_text(links.count), format_bandwidth(links.bandwidth));
      }
    }
    return "";
  }

  void add_cards() {
    const NodeLayout& node = fabric_.node;
    const int most = std::clamp(64 / std::max(node.gpus, node.nics), 2, 8);
    DrawnTier tier{.kind = "nic", .count = std::int64_t{node.nodes} * node.nics};
    const std::vector<std::int64_t> chosen = first_and_last(node.nodes, most);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      drawing_.nodes.push_back(
          {.name = fmt::format("node{}", chosen[i]),
           .gap_after = i + 1 < chosen.size() && chosen[i + 1] != chosen[i] + 1});
      for (int nic = 0; nic < node.nics; ++nic) {
        const auto card = static_cast<DeviceId>(chosen[i] * node.nics + nic);
        const int plane = fabric_.spec.planes > 1 ? nic % fabric_.spec.planes : -1;
        show(tier, node.first_nic + card, plane, false);
      }
    }
    drawing_.tiers.push_back(std::move(tier));
  }

  void add_links() {
    for (const DeviceId device : devices_) {
      const auto [tier, index] = places_.at(device);
      const LinkId first = fabric_.first_link(device);
      std::set<DeviceId> seen;  // cables side by side are one line
      for (LinkId link = first; link < first + fabric_.ports(device); ++link) {
        const auto other = places_.find(fabric_.head(link));
        if (other == places_.end() || other->second.first != tier + 1 ||
            !seen.insert(other->first).second) {
          continue;
        }
        drawing_.links.push_back({.tier = tier,
                                  .upper = index,
                                  .lower = other->second.second,
                                  .health = fabric_.link(link).health});
      }
    }
  }

  const Fabric& fabric_;
  const TopologyReport& report_;
  TopologyDrawing drawing_;
  std::map<DeviceId, std::pair<int, int>> places_;  // row, place in the row
  std::vector<DeviceId> devices_;                   // in the order they were shown
};

/// Links between switches as pairs of their numbers, each once, cables side by side as one.
std::set<std::pair<int, int>> switch_pairs(const Fabric& fabric,
                                           const GraphNetwork& network,
                                           DeviceId switches) {
  std::set<std::pair<int, int>> pairs;
  for (DeviceId at = 0; at < switches; ++at) {
    const LinkId first = fabric.first_link(network.first_switch + at);
    for (LinkId link = first; link < first + fabric.ports(network.first_switch + at); ++link) {
      const DeviceId other = fabric.head(link) - network.first_switch;
      if (other < network.switches) {
        pairs.emplace(static_cast<int>(std::min(at, other)), static_cast<int>(std::max(at, other)));
      }
    }
  }
  return pairs;
}

/// The switches that are of one colour.
int group_of(const Fabric& fabric, int index) {
  switch (fabric.spec.kind) {
    case FabricKind::kDragonfly:
      return index / fabric.spec.dragonfly.switches;
    case FabricKind::kSlimFly:
      return index / fabric.spec.slim_fly.q;
    case FabricKind::kTorus: {
      const std::vector<int>& sizes = fabric.spec.torus.sizes;
      return sizes.size() < 3 ? 0 : index / sizes[0] / sizes[1];
    }
    case FabricKind::kNonblocking:
    case FabricKind::kFatTree:
    case FabricKind::kRailOptimised:
    case FabricKind::kMultiPlane:
    case FabricKind::kCustom:
      return 0;
  }
  return 0;
}

/// The groups of a large dragonfly as points, and the links of the first.
DrawnSwitches dragonfly_groups(const Fabric& fabric, const GraphNetwork& network) {
  const int a = fabric.spec.dragonfly.switches;
  const int groups = static_cast<int>(network.switches) / a;
  DrawnSwitches drawn;
  for (int group = 0; group < groups; ++group) {
    drawn.groups.push_back(group);
  }
  std::set<std::pair<int, int>> lines;
  for (const auto& [first, second] : switch_pairs(fabric, network, static_cast<DeviceId>(a))) {
    if (first / a != second / a) {
      lines.emplace(first / a, second / a);
    }
  }
  drawn.links.assign(lines.begin(), lines.end());
  drawn.remark = fmt::format(
      "{} groups of {} fully connected switches; the links of the first group are drawn",
      count_text(groups),
      a);
  return drawn;
}

DrawnSwitches torus_grid(const Fabric& fabric, const GraphNetwork& network) {
  DrawnSwitches drawn{.grid = fabric.spec.torus.sizes};
  for (int i = 0; i < static_cast<int>(network.switches); ++i) {
    drawn.groups.push_back(group_of(fabric, i));
  }
  int stride = 1;
  std::set<int> steps;
  for (const int size : drawn.grid) {
    steps.insert(stride);
    stride *= size;
  }
  for (const auto& [a, b] : switch_pairs(fabric, network, network.switches)) {
    if (steps.contains(b - a)) {
      drawn.links.emplace_back(a, b);
    }
  }
  drawn.remark = "links that close the rings are not drawn";
  return drawn;
}

DrawnSwitches switch_circle(const Fabric& fabric, const GraphNetwork& network) {
  DrawnSwitches drawn;
  const auto switches = static_cast<int>(network.switches);
  for (int i = 0; i < std::min(switches, kMostOnCircle); ++i) {
    drawn.groups.push_back(group_of(fabric, i));
  }
  std::set<std::pair<int, int>> pairs = switch_pairs(fabric, network, network.switches);
  if (pairs.size() > kMostLines || switches > kMostOnCircle) {
    pairs = switch_pairs(fabric, network, 1);
    drawn.remark =
        fmt::format("{} switches; the links of the first are drawn", count_text(switches));
  }
  for (const auto& [a, b] : pairs) {
    if (b < kMostOnCircle) {
      drawn.links.emplace_back(a, b);
    }
  }
  return drawn;
}

bool has_tiers(const Fabric& fabric) {
  return std::ranges::any_of(fabric.blocks, [](const DeviceBlock& block) {
    return block.kind == DeviceKind::kSpine || block.kind == DeviceKind::kCore;
  });
}

}  // namespace

TopologyDrawing topology_drawing(const Fabric& fabric, const TopologyReport& report) {
  const auto* const network = std::get_if<GraphNetwork>(&fabric.network);
  if (network == nullptr || has_tiers(fabric)) {
    return TierPicture(fabric, report).draw();
  }
  TopologyDrawing drawing;
  const bool grid = fabric.spec.kind == FabricKind::kTorus && fabric.spec.torus.sizes.size() <= 3 &&
                    network->switches <= kMostOnGrid;
  const bool groups = fabric.spec.kind == FabricKind::kDragonfly && network->switches > 600;
  drawing.switches = grid     ? torus_grid(fabric, *network)
                     : groups ? dragonfly_groups(fabric, *network)
                              : switch_circle(fabric, *network);
  return drawing;
}

}  // namespace towtank
