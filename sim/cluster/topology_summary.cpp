#include "sim/cluster/topology_summary.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <variant>

namespace towtank {
namespace {

struct PortCount {
  std::int64_t cables = 0;
  Bandwidth up;
  Bandwidth down;
};

/// Counts links once, from the end of the lower kind (or number, between devices of one kind).
class Counter {
 public:
  explicit Counter(const Fabric& fabric) : fabric_(fabric) {}

  TopologySummary count() {
    for (const DeviceBlock& block : fabric_.blocks) {
      count_block(block);
    }
    for (int kind = 0; kind < kDeviceKinds; ++kind) {
      const DeviceCount& devices = devices_[static_cast<std::size_t>(kind)];
      if (devices.count > 0) {
        summary_.devices.push_back(devices);
      }
    }
    for (const DeviceCount& devices : summary_.devices) {
      if (is_network_switch(devices.kind)) {
        summary_.switches += devices.count;
      } else if (devices.kind == DeviceKind::kNic) {
        summary_.endpoints = devices.count;
      }
    }
    std::ranges::sort(summary_.links, [](const LinkCount& a, const LinkCount& b) {
      return std::pair(a.from, a.to) < std::pair(b.from, b.to);
    });
    if (fabric_.spec.kind != FabricKind::kNonblocking) {
      summary_.cost = network_cost(fabric_.spec.prices,
                                   fabric_.spec.radix,
                                   summary_.endpoints,
                                   summary_.switches,
                                   summary_.inter_switch_links);
    }
    return std::move(summary_);
  }

 private:
  void count_block(const DeviceBlock& block) {
    DeviceCount& devices = devices_[static_cast<std::size_t>(block.kind)];
    devices.kind = block.kind;
    devices.count += block.count;
    double worst = 0.0;
    for (DeviceId device = block.first; device < block.first + block.count; ++device) {
      const PortCount ports = count_ports(device, block);
      devices.most_ports = std::max(devices.most_ports, static_cast<int>(ports.cables));
      if (ports.up > Bandwidth()) {
        worst = std::max(worst, ports.down / ports.up);
      }
    }
    if (is_network_switch(block.kind) && worst > 0.0) {
      note_oversubscription(block.kind, worst);
    }
  }

  PortCount count_ports(DeviceId device, const DeviceBlock& block) {
    PortCount ports;
    const LinkId first = fabric_.first_link(device);
    for (LinkId link = first; link < first + fabric_.ports(device); ++link) {
      const DeviceId head = fabric_.head(link);
      const DeviceKind other = fabric_.kind(head);
      const LinkType& type = fabric_.link(link);
      ports.cables += type.cables;
      const Bandwidth sound = type.health > 0.0 ? type.bandwidth : Bandwidth();
      (other > block.kind ? ports.up : ports.down) += sound;
      if (std::pair(block.kind, device) < std::pair(other, head)) {
        count_link(block.kind, other, type);
      }
    }
    return ports;
  }

  void count_link(DeviceKind from, DeviceKind to, const LinkType& type) {
    if (is_network_switch(from) && is_network_switch(to)) {
      summary_.inter_switch_links += type.cables;
    }
    for (LinkCount& known : summary_.links) {
      if (known.from == from && known.to == to && known.type == type) {
        ++known.count;
        return;
      }
    }
    summary_.links.push_back({.from = from, .to = to, .type = type, .count = 1});
  }

  void note_oversubscription(DeviceKind tier, double worst) {
    for (Oversubscription& known : summary_.oversubscription) {
      if (known.tier == tier) {
        known.worst = std::max(known.worst, worst);
        return;
      }
    }
    Oversubscription ratio{.tier = tier, .worst = worst};
    if (std::holds_alternative<TreeNetwork>(fabric_.network)) {
      const std::vector<double>& stated = fabric_.spec.oversubscription;
      const auto i = static_cast<std::size_t>(tier) - static_cast<std::size_t>(DeviceKind::kLeaf);
      ratio.stated = stated[std::min(i, stated.size() - 1)];
    }
    summary_.oversubscription.push_back(ratio);
  }

  const Fabric& fabric_;
  TopologySummary summary_;
  std::array<DeviceCount, kDeviceKinds> devices_ = {};
};

}  // namespace

NetworkPrice network_cost(const NetworkPrices& prices,
                          int radix,
                          std::int64_t endpoints,
                          std::int64_t switches,
                          std::int64_t inter_switch_links) {
  return {.switches = static_cast<double>(switches) * radix * prices.switch_port,
          .card_cables = static_cast<double>(endpoints) * prices.card_cable,
          .switch_cables = static_cast<double>(inter_switch_links) * prices.switch_cable};
}

TopologySummary summarise(const Fabric& fabric) {
  return Counter(fabric).count();
}

}  // namespace towtank
