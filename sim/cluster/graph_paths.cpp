// Ways in networks of any shape: by the distance of every switch to the destination's, found by
// breadth-first search when a switch is first a destination, and kept.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/cluster/switch_paths.hpp"

namespace towtank {
namespace {

using Distance = std::uint16_t;
constexpr Distance kFar = std::numeric_limits<Distance>::max();
constexpr std::size_t kMostKept = std::size_t{256} << 20U;  // bytes of distances

class GraphPaths final : public SwitchPaths {
 public:
  GraphPaths(const Fabric& fabric, const GraphNetwork& network)
      : fabric_(fabric), network_(network), tables_(network.switches) {}

  void next_hops(DeviceId at, const Destination& to, NextHops& hops) const override {
    hops.clear();
    hops.preferred = 0;
    if (at == to.leaf) {
      if (sound(to.downlink)) {
        hops.add(to.downlink);
      }
      return;
    }
    const std::vector<Distance>& distances = distances_to(to.leaf - network_.first_switch);
    const Distance here = distances[at - network_.first_switch];
    if (here == kFar) {
      return;
    }
    const LinkId first = fabric_.first_link(at);
    const int ports = fabric_.ports(at);
    for (LinkId link = first; link < first + ports; ++link) {
      const DeviceId next = fabric_.head(link) - network_.first_switch;  // wraps for cards
      if (next < network_.switches && distances[next] + 1 == here && sound(link)) {
        hops.add(link);
      }
    }
    hops.preferred = to.endpoint % std::max(1, hops.size());
  }

 private:
  bool sound(LinkId link) const { return fabric_.link(link).bandwidth > Bandwidth(); }

  const std::vector<Distance>& distances_to(DeviceId target) const {
    std::vector<Distance>& table = tables_[target];
    if (!table.empty()) {
      return table;
    }
    if ((kept_ + 1) * network_.switches * sizeof(Distance) > kMostKept) {
      tables_.assign(network_.switches, {});
      kept_ = 0;
    }
    ++kept_;
    table = search_from(target);
    return table;
  }

  /// Links work or fail in both directions, so distances from the target are distances to it.
  std::vector<Distance> search_from(DeviceId target) const {
    std::vector<Distance> distances(network_.switches, kFar);
    std::vector<DeviceId> queue = {target};
    queue.reserve(network_.switches);
    distances[target] = 0;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const DeviceId at = queue[i];
      const LinkId first = fabric_.first_link(network_.first_switch + at);
      const int ports = fabric_.ports(network_.first_switch + at);
      for (LinkId link = first; link < first + ports; ++link) {
        const DeviceId next = fabric_.head(link) - network_.first_switch;
        if (next < network_.switches && distances[next] == kFar && sound(link)) {
          distances[next] = static_cast<Distance>(distances[at] + 1);
          queue.push_back(next);
        }
      }
    }
    return distances;
  }

  const Fabric& fabric_;
  const GraphNetwork& network_;
  mutable std::vector<std::vector<Distance>> tables_;  // by destination switch
  mutable std::size_t kept_ = 0;
};

}  // namespace

std::unique_ptr<SwitchPaths> graph_paths(const Fabric& fabric, const GraphNetwork& network) {
  return std::make_unique<GraphPaths>(fabric, network);
}

}  // namespace towtank
