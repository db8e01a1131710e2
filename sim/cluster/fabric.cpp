#include "sim/cluster/fabric.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "sim/cluster/faults.hpp"
#include "sim/cluster/generators/network.hpp"
#include "sim/cluster/generators/node_inside.hpp"
#include "sim/cluster/wiring.hpp"

namespace towtank {

std::string_view name(FabricKind kind) {
  constexpr std::array<std::string_view, kFabricKinds> kNames = {"nonblocking",
                                                                 "fat-tree",
                                                                 "rail-optimised",
                                                                 "multi-plane",
                                                                 "dragonfly",
                                                                 "slim-fly",
                                                                 "torus",
                                                                 "custom"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(NodeKind kind) {
  constexpr std::array<std::string_view, kNodeKinds> kNames = {"plain", "hgx", "nvl72"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(RoutingRule rule) {
  constexpr std::array<std::string_view, kRoutingRules> kNames = {
      "shortest", "d-mod-k", "ecmp", "adaptive"};
  return kNames[static_cast<std::size_t>(rule)];
}

std::string_view name(CrossRail way) {
  constexpr std::array<std::string_view, kCrossRails> kNames = {
      "nvlink-last", "nvlink-first", "spine"};
  return kNames[static_cast<std::size_t>(way)];
}

std::string_view name(DeviceKind kind) {
  constexpr std::array<std::string_view, kDeviceKinds> kNames = {
      "gpu", "nvswitch", "pcie", "nic", "leaf", "spine", "core"};
  return kNames[static_cast<std::size_t>(kind)];
}

LinkId Fabric::first_link(DeviceId device) const {
  return static_cast<LinkId>((*out_edges(device, wires).first).idx);
}

DeviceId Fabric::tail(LinkId id) const {
  DeviceId low = 0;
  DeviceId high = devices();  // first_link(low) <= id < first_link(high)
  while (high - low > 1) {
    const DeviceId middle = low + (high - low) / 2;
    (first_link(middle) <= id ? low : high) = middle;
  }
  return low;
}

const DeviceBlock& Fabric::block_of(DeviceId device) const {
  const auto above =
      std::ranges::upper_bound(blocks, device, std::ranges::less(), &DeviceBlock::first);
  return *std::prev(above);
}

namespace {

constexpr int kMostCards = 1 << 25;  // keeps every count of devices and links inside 31 bits

void check_sizes(const FabricSpec& spec, const FabricSize& size) {
  check(size.nodes > 0 && size.gpus_per_node > 0, "a cluster has GPUs");
  check(spec.kind == FabricKind::kMultiPlane || spec.planes == 1, "only multi-plane has planes");
  check(!spec.oversubscription.empty(), "an oversubscription is given");
  const auto cards = static_cast<std::int64_t>(size.nodes) * size.gpus_per_node * spec.nics_per_gpu;
  if (cards > kMostCards) {
    throw InputError(spec.place, "more network cards than can be simulated");
  }
}

std::variant<TreeNetwork, GraphNetwork> wire_network(NetworkSite& site) {
  switch (site.spec.kind) {
    case FabricKind::kNonblocking:
    case FabricKind::kFatTree:
    case FabricKind::kRailOptimised:
    case FabricKind::kMultiPlane:
      return wire_trees(site);
    case FabricKind::kDragonfly:
      return wire_dragonfly(site);
    case FabricKind::kSlimFly:
      return wire_slim_fly(site);
    case FabricKind::kTorus:
      return wire_torus(site);
    case FabricKind::kCustom:
      return wire_edge_list(site);
  }
  return {};
}

/// For every card the link from its switch to it: those that lead to cards, of all switches.
void find_downlinks(Fabric& fabric) {
  const DeviceId first = fabric.node.first_nic;
  const auto cards = static_cast<DeviceId>(fabric.node.nodes * fabric.node.nics);
  fabric.downlinks.assign(cards, -1);
  for (DeviceId device = first + cards; device < fabric.devices(); ++device) {
    const LinkId begin = fabric.first_link(device);
    for (LinkId link = begin; link < begin + fabric.ports(device); ++link) {
      const DeviceId card = fabric.head(link) - first;  // wraps for what is no card
      if (card < cards) {
        fabric.downlinks[card] = link;
      }
    }
  }
}

}  // namespace

Fabric make_fabric(const FabricSpec& spec, const FabricSize& size) {
  check_sizes(spec, size);
  Fabric fabric;
  fabric.spec = spec;
  fabric.size = size;
  fabric.node = plan_node(spec, size);
  Wiring wiring;
  wire_nodes(spec, size, fabric.node, wiring);
  fabric.endpoints.assign(
      static_cast<std::size_t>(fabric.node.nodes) * static_cast<std::size_t>(fabric.node.nics), -1);
  NetworkSite site{.spec = fabric.spec,
                   .size = fabric.size,
                   .node = fabric.node,
                   .wiring = wiring,
                   .endpoints = fabric.endpoints};
  fabric.network = wire_network(site);
  wiring.finish(fabric);
  find_downlinks(fabric);
  apply_faults(fabric);
  return fabric;
}

}  // namespace towtank
