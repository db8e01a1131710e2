#include <algorithm>

#include <nlohmann/json.hpp>

#include "reports/topology_text.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json devices_array(const TopologyReport& report) {
  Json array = Json::array();
  for (const TopologyDevices& devices : report.devices) {
    array.push_back(
        {{"kind", devices.kind}, {"count", devices.count}, {"most_cables", devices.most_ports}});
  }
  return array;
}

Json links_array(const TopologyReport& report) {
  Json array = Json::array();
  for (const TopologyLinks& links : report.links) {
    array.push_back({{"from", links.from},
                     {"to", links.to},
                     {"count", links.count},
                     {"cables", links.cables},
                     {"bytes_per_second", links.bandwidth.si()},
                     {"latency_seconds", links.latency / second},
                     {"health", links.health}});
  }
  return array;
}

Json ratios_array(const TopologyReport& report) {
  Json array = Json::array();
  for (const TopologyTierRatio& ratio : report.ratios) {
    array.push_back({{"tier", ratio.tier},
                     {"stated", ratio.stated ? Json(*ratio.stated) : Json()},
                     {"worst", ratio.worst}});
  }
  return array;
}

Json cost_object(const TopologyReport& report) {
  if (!report.cost) {
    return {};
  }
  const TopologyCost& cost = *report.cost;
  return {{"dollars", cost.total / dollar},
          {"dollars_per_endpoint", cost.per_endpoint / dollar},
          {"switches_dollars", cost.switches / dollar},
          {"card_cables_dollars", cost.card_cables / dollar},
          {"switch_cables_dollars", cost.switch_cables / dollar},
          {"source", cost.source}};
}

Json verdict_object(const TopologyReport& report) {
  Json object = {{"holds", report.verdict->holds}};
  Json claims = Json::array();
  for (const TopologyClaimLine& claim : report.verdict->claims) {
    claims.push_back({{"holds", claim.holds}, {"text", claim.text}});
  }
  Json patterns = Json::array();
  for (const TopologyPattern& pattern : report.verdict->patterns) {
    Json rules = Json::object();
    for (std::size_t i = 0; i < report.rules.size(); ++i) {
      rules[report.rules[i]] = {
          {"busiest", pattern.busiest[i] ? Json(*pattern.busiest[i]) : Json()},
          {"link", pattern.links[i]},
          {"remark", pattern.remarks[i]}};
    }
    patterns.push_back({{"pattern", pattern.name}, {"rules", std::move(rules)}});
  }
  object["claims"] = std::move(claims);
  object["loads"] = std::move(patterns);
  return object;
}

}  // namespace

std::string topology_json(const TopologyReport& report) {
  Json object = {{"schema", "towtank.topology/1"},
                 {"name", report.name},
                 {"kind", report.kind},
                 {"node", report.node},
                 {"routing", report.routing},
                 {"nodes", report.nodes},
                 {"gpus_per_node", report.gpus_per_node},
                 {"radix", report.radix},
                 {"planes", report.planes},
                 {"endpoints", report.endpoints},
                 {"switches", report.switches},
                 {"inter_switch_links", report.inter_switch_links},
                 {"bisection",
                  {{"bytes_per_second", report.bisection.si()},
                   {"share", report.bisection_share},
                   {"exact", report.bisection_exact},
                   {"method", report.bisection_method}}},
                 {"diameter", report.diameter},
                 {"mean_hops", report.mean_hops},
                 {"hops_complete", report.hops_complete},
                 {"farthest_latency_seconds",
                  report.farthest_latency ? Json(*report.farthest_latency / second) : Json()},
                 {"faults", report.faults}};
  object["devices"] = devices_array(report);
  object["links"] = links_array(report);
  object["oversubscription"] = ratios_array(report);
  object["cost"] = cost_object(report);
  if (report.verdict) {
    object["check"] = verdict_object(report);
  }
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
