#include "sim/collective/collective_plan.hpp"

#include <algorithm>

namespace towtank {

std::optional<Algorithm> forced(const CollectivePlan& plan, Collective kind) {
  switch (kind) {
    case Collective::kAllReduce:
      return plan.all_reduce;
    case Collective::kAllGather:
      return plan.all_gather;
    case Collective::kReduceScatter:
      return plan.reduce_scatter;
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kAllToAll:
    case Collective::kSendRecv:
      break;
  }
  return std::nullopt;
}

std::string collective_key(Collective kind) {
  std::string key(name(kind));
  std::ranges::replace(key, '-', '_');
  return key;
}

bool forces(const CollectivePlan& plan) {
  return plan.all_reduce || plan.all_gather || plan.reduce_scatter || plan.protocol ||
         !plan.in_switch;
}

void refuse_collective(const CollectivePlan& plan,
                       const std::string& key,
                       const std::string& reason) {
  const auto found = plan.places.find(key);
  const std::string name = "plan.collectives." + key;
  throw InputError(
      found == plan.places.end() ? Place() : found->second, name + ": " + reason, "leave it out");
}

}  // namespace towtank
