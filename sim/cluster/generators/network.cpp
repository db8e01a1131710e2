#include "sim/cluster/generators/network.hpp"

#include <numeric>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"

namespace towtank {

LinkType card_link(const FabricSpec& spec, const FabricSize& size) {
  return {.bandwidth = size.nic.bandwidth, .latency = spec.link_latency};
}

LinkType switch_link(const FabricSpec& spec, const FabricSize& size) {
  return {.bandwidth = spec.link_bandwidth.value_or(size.nic.bandwidth),
          .latency = spec.link_latency};
}

void number_endpoints_by_node(NetworkSite& site) {
  std::iota(site.endpoints.begin(), site.endpoints.end(), 0);
}

GraphNetwork wire_endpoints(NetworkSite& site, std::int64_t switches, int per_switch) {
  const auto cards = static_cast<std::int64_t>(site.endpoints.size());
  if (cards > switches * per_switch) {
    throw InputError(site.spec.place,
                     fmt::format("{} network cards, but the {} has {} endpoints",
                                 format_count(static_cast<double>(cards)),
                                 name(site.spec.kind),
                                 format_count(static_cast<double>(switches * per_switch))),
                     "make the network larger or the cluster smaller");
  }
  number_endpoints_by_node(site);
  GraphNetwork network{.first_switch = site.wiring.add_devices(DeviceKind::kLeaf, switches),
                       .switches = static_cast<DeviceId>(switches)};
  const std::uint16_t type = site.wiring.type_of(card_link(site.spec, site.size));
  for (std::int64_t card = 0; card < cards; ++card) {
    site.wiring.connect(site.node.first_nic + static_cast<DeviceId>(card),
                        network.first_switch + static_cast<DeviceId>(card / per_switch),
                        type);
  }
  return network;
}

}  // namespace towtank
