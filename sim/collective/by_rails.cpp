#include "sim/collective/by_rails.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

namespace towtank {
namespace {

/// Members of an exchange by node, and by rail.
struct Places {
  std::map<int, std::vector<int>> of_node;
  std::map<int, std::vector<int>> of_rail;
};

Places places(const Exchange& exchange, const std::vector<Member>& members) {
  Places result;
  for (const int number : exchange.members) {
    const Member& member = members[static_cast<std::size_t>(number)];
    result.of_node[member.node].push_back(number);
    result.of_rail[member.place].push_back(number);
  }
  return result;
}

/// Several rails, and a member on each of them on each node.
bool divides(const Exchange& exchange, const Places& sits) {
  return exchange.medium == Medium::kNic && exchange.reach == Exchange::Reach::kOtherNodes &&
         sits.of_rail.size() > 1 && sits.of_node.size() > 1 &&
         exchange.members.size() == sits.of_rail.size() * sits.of_node.size() &&
         std::ranges::all_of(sits.of_rail, [&sits](const auto& rail) {
           return rail.second.size() == sits.of_node.size();
         });
}

}  // namespace

bool joins_rails_only(const Cluster& cluster) {
  if (!cluster.fabric) {
    return false;
  }
  const FabricSpec& spec = *cluster.fabric;
  return (spec.kind == FabricKind::kRailOptimised && spec.cross_rail != CrossRail::kSpine) ||
         (spec.kind == FabricKind::kMultiPlane && spec.planes >= cluster.gpus_per_node);
}

MovementPhase by_rails(MovementPhase phase, const std::vector<Member>& members) {
  std::vector<Exchange> exchanges;
  for (Exchange& exchange : phase.exchanges) {
    const Places sits = places(exchange, members);
    if (!divides(exchange, sits)) {
      exchanges.push_back(std::move(exchange));
      continue;
    }
    const auto rails = static_cast<double>(sits.of_rail.size());
    const auto others = static_cast<double>(sits.of_node.size() - 1);
    for (const auto& [rail, on_rail] : sits.of_rail) {
      exchanges.push_back(
          {.members = on_rail, .medium = Medium::kNic, .bytes = exchange.bytes * rails});
    }
    for (const auto& [node, on_node] : sits.of_node) {
      exchanges.push_back(
          {.members = on_node, .medium = Medium::kNvlink, .bytes = exchange.bytes * others});
    }
    phase.hops.nvlink = std::max(phase.hops.nvlink, 1);
  }
  phase.exchanges = std::move(exchanges);
  return phase;
}

}  // namespace towtank
