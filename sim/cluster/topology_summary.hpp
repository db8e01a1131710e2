// What a fabric consists of, in numbers: devices, links, tiers, cost.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/cluster/fabric.hpp"

namespace towtank {

struct DeviceCount {
  DeviceKind kind = DeviceKind::kGpu;
  std::int64_t count = 0;
  int most_ports = 0;  // cables at the device that has most
};

/// Links between devices of two kinds with the same speed; both directions are one link.
struct LinkCount {
  DeviceKind from = DeviceKind::kGpu;
  DeviceKind to = DeviceKind::kGpu;
  LinkType type = {};
  std::int64_t count = 0;
};

/// A tier of switches that has another above it.
struct Oversubscription {
  DeviceKind tier = DeviceKind::kLeaf;
  std::optional<double> stated = {};  // of fat trees
  double worst = 1.0;  // bandwidth down over bandwidth up, of the switch where it is largest
};

/// Dollars for the network: switches between nodes and their cables, without network cards and
/// without what is inside nodes.
struct NetworkPrice {
  Dollars switches = {};
  Dollars card_cables = {};
  Dollars switch_cables = {};
  Dollars total() const { return switches + card_cables + switch_cables; }
};

struct TopologySummary {
  std::int64_t endpoints = 0;  // network cards
  std::int64_t switches = 0;   // between nodes
  std::int64_t inter_switch_links = 0;
  std::vector<DeviceCount> devices;  // in the order of DeviceKind
  std::vector<LinkCount> links;
  std::vector<Oversubscription> oversubscription;
  std::optional<NetworkPrice> cost;  // none: the ideal switch is not for sale
};

TopologySummary summarise(const Fabric& fabric);

/// What so many switches (of `radix` ports) and cables cost.
NetworkPrice network_cost(const NetworkPrices& prices,
                          int radix,
                          std::int64_t endpoints,
                          std::int64_t switches,
                          std::int64_t inter_switch_links);

/// Whether a device is a switch between nodes.
inline bool is_network_switch(DeviceKind kind) {
  return kind >= DeviceKind::kLeaf;
}

}  // namespace towtank
