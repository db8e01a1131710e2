// Networks from an edge list.
#include <cstdint>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"
#include "sim/cluster/generators/network.hpp"

namespace towtank {
namespace {

DeviceKind kind_of_tier(int tier) {
  return tier == 1 ? DeviceKind::kLeaf : tier == 2 ? DeviceKind::kSpine : DeviceKind::kCore;
}

/// Adds the switches tier by tier; `devices` gives the device of each listed one.
GraphNetwork add_switches(const EdgeList& list, Wiring& wiring, std::vector<DeviceId>& devices) {
  GraphNetwork network;
  devices.assign(list.switches.size(), 0);
  for (int tier = 1; tier <= 3; ++tier) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < list.switches.size(); ++i) {
      if (list.switches[i].tier == tier) {
        members.push_back(i);
      }
    }
    const DeviceId first =
        wiring.add_devices(kind_of_tier(tier), static_cast<std::int64_t>(members.size()));
    network.first_switch = tier == 1 ? first : network.first_switch;
    for (std::size_t i = 0; i < members.size(); ++i) {
      devices[members[i]] = first + static_cast<DeviceId>(i);
      network.names.push_back(list.switches[members[i]].name);
    }
  }
  network.switches = static_cast<DeviceId>(list.switches.size());
  return network;
}

std::size_t card_index(const NetworkSite& site, const ListedCard& card, const Place& place) {
  if (card.node >= site.node.nodes || card.nic >= site.node.nics) {
    throw InputError(
        place,
        fmt::format("the cluster has no card node{}.nic{}", card.node, card.nic),
        fmt::format("it has node0.nic0 to node{}.nic{}", site.node.nodes - 1, site.node.nics - 1));
  }
  return static_cast<std::size_t>(card.node) * static_cast<std::size_t>(site.node.nics) +
         static_cast<std::size_t>(card.nic);
}

LinkType type_of_cable(const ListedCable& cable, LinkType type) {
  type.bandwidth = cable.bandwidth.value_or(type.bandwidth) * cable.cables;
  type.latency = cable.latency.value_or(type.latency);
  type.cables = cable.cables;
  return type;
}

void require_all_cards(const NetworkSite& site, const std::vector<bool>& wired) {
  for (std::size_t i = 0; i < wired.size(); ++i) {
    const auto nics = static_cast<std::size_t>(site.node.nics);
    if (!wired[i]) {
      throw InputError(site.spec.place,
                       fmt::format("the edge list has no cable for node{}.nic{}, and {} in all for "
                                   "the {} cards of the cluster",
                                   i / nics,
                                   i % nics,
                                   std::count(wired.begin(), wired.end(), true),
                                   wired.size()),
                       "add a line like: node0.nic0 leaf0");
    }
  }
}

}  // namespace

GraphNetwork wire_edge_list(NetworkSite& site) {
  const EdgeList& list = site.spec.edges;
  std::vector<DeviceId> devices;
  GraphNetwork network = add_switches(list, site.wiring, devices);
  std::vector<bool> wired(site.endpoints.size(), false);
  for (const ListedCable& cable : list.cables) {
    const bool first_is_card = cable.a.card.has_value();
    const ListedEnd& near = first_is_card ? cable.a : cable.b;
    const ListedEnd& far = first_is_card ? cable.b : cable.a;
    const DeviceId far_switch = devices[static_cast<std::size_t>(far.switch_index)];
    if (near.card) {
      const std::size_t card = card_index(site, *near.card, cable.place);
      wired[card] = true;
      site.wiring.connect(
          site.node.first_nic + static_cast<DeviceId>(card),
          far_switch,
          site.wiring.type_of(type_of_cable(cable, card_link(site.spec, site.size))));
    } else {
      site.wiring.connect(
          devices[static_cast<std::size_t>(near.switch_index)],
          far_switch,
          site.wiring.type_of(type_of_cable(cable, switch_link(site.spec, site.size))));
    }
  }
  require_all_cards(site, wired);
  number_endpoints_by_node(site);
  return network;
}

}  // namespace towtank
