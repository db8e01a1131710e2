#include "tools/topology_report.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/cluster/bisection.hpp"
#include "sim/cluster/hop_counts.hpp"
#include "sim/cluster/router.hpp"

namespace towtank {
namespace {

constexpr std::array kRules = {
    RoutingRule::kShortest, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kAdaptive};

/// Latency of the longest way from the first card, over up to so many nodes.
std::optional<Seconds> farthest_latency(const Fabric& fabric) {
  constexpr int kMostNodes = 256;
  const bool stated = std::ranges::any_of(fabric.blocks, [&fabric](const DeviceBlock& block) {
    return is_network_switch(block.kind) && fabric.spec.switch_latency > Seconds();
  });
  if ((!stated && fabric.spec.link_latency == Seconds()) || fabric.has_failures) {
    return std::nullopt;
  }
  const Router router(fabric);
  const int nodes = fabric.node.nodes;
  const int looked_at = std::min(nodes, kMostNodes);
  Seconds farthest;
  std::vector<Crossing> crossings;
  for (int i = 1; i <= looked_at; ++i) {
    const auto node = static_cast<int>(std::int64_t{nodes} * i / looked_at) - 1;
    crossings.clear();
    if (node > 0) {
      router.cross_network(0, node * fabric.node.nics, 1.0, crossings);
    }
    farthest = std::max(farthest, route_latency(fabric, crossings));
  }
  return farthest;
}

TopologyCost cost_of(const Fabric& fabric, const NetworkPrice& cost, std::int64_t endpoints) {
  const NetworkPrices& prices = fabric.spec.prices;
  return {.switches = cost.switches,
          .card_cables = cost.card_cables,
          .switch_cables = cost.switch_cables,
          .total = cost.total(),
          .per_endpoint = cost.total() / static_cast<double>(endpoints),
          .switch_price = static_cast<double>(fabric.spec.radix) * prices.switch_port,
          .card_cable_price = prices.card_cable,
          .switch_cable_price = prices.switch_cable,
          .source = prices.source};
}

void fill_counts(const TopologySummary& summary, TopologyReport& report) {
  for (const DeviceCount& devices : summary.devices) {
    report.devices.push_back({.kind = std::string(name(devices.kind)),
                              .count = devices.count,
                              .most_ports = devices.most_ports});
  }
  for (const LinkCount& links : summary.links) {
    report.links.push_back({.from = std::string(name(links.from)),
                            .to = std::string(name(links.to)),
                            .count = links.count,
                            .cables = links.type.cables,
                            .bandwidth = links.type.bandwidth,
                            .latency = links.type.latency,
                            .health = links.type.health});
  }
  for (const Oversubscription& tier : summary.oversubscription) {
    report.ratios.push_back(
        {.tier = std::string(name(tier.tier)), .stated = tier.stated, .worst = tier.worst});
  }
}

}  // namespace

TopologyReport topology_report(const std::string& name,
                               const Fabric& fabric,
                               const TopologySummary& summary) {
  TopologyReport report{.name = name,
                        .kind = std::string(towtank::name(fabric.spec.kind)),
                        .node = std::string(towtank::name(fabric.spec.node)),
                        .routing = std::string(towtank::name(fabric.spec.routing)),
                        .nodes = fabric.node.nodes,
                        .gpus_per_node = fabric.node.gpus,
                        .radix = fabric.spec.radix,
                        .planes = fabric.spec.planes,
                        .endpoints = summary.endpoints,
                        .switches = summary.switches,
                        .inter_switch_links = summary.inter_switch_links};
  for (const RoutingRule rule : kRules) {
    report.rules.emplace_back(towtank::name(rule));
  }
  fill_counts(summary, report);
  const Bisection cut = bisection(fabric);
  report.bisection = cut.bandwidth;
  const std::int64_t half = summary.endpoints / 2;  // as many cards on the smaller side
  report.bisection_share =
      half == 0 ? 0.0 : cut.bandwidth / (static_cast<double>(half) * fabric.size.nic.bandwidth);
  report.bisection_exact = cut.exact;
  report.bisection_method = cut.method;
  const HopCounts hops = count_hops(fabric);
  report.diameter = hops.diameter;
  report.mean_hops = hops.mean;
  report.hops_complete = hops.complete;
  report.farthest_latency = farthest_latency(fabric);
  if (summary.cost) {
    report.cost = cost_of(fabric, *summary.cost, summary.endpoints);
  }
  report.faults = static_cast<int>(fabric.spec.faults.size());
  return report;
}

TopologyVerdict topology_verdict(const TopologyCheck& check) {
  TopologyVerdict verdict{.holds = check.holds()};
  for (const TopologyClaim& claim : check.claims) {
    verdict.claims.push_back({.holds = claim.holds, .text = claim.text});
  }
  for (const PatternLoad& load : check.loads) {
    if (verdict.patterns.empty() || verdict.patterns.back().name != load.pattern) {
      verdict.patterns.push_back({.name = load.pattern});
    }
    TopologyPattern& pattern = verdict.patterns.back();
    pattern.busiest.push_back(load.busiest);
    pattern.links.push_back(load.link);
    pattern.remarks.push_back(load.remark);
  }
  return verdict;
}

}  // namespace towtank
