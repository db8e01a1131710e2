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
  return "plan.collectives." + key;
}

}  // namespace towtank
