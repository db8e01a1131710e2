#include "sim/profile/network_costs.hpp"

namespace towtank {
std::string_view name(Pattern pattern) {
  constexpr std::array<std::string_view, kPatterns.size()> kNames = {"ring",
                                                                     "tree",
                                                                     "in-switch",
                                                                     "in-switch-tree",
                                                                     "pairs",
                                                                     "low-latency-dispatch",
                                                                     "low-latency-combine"};
  return kNames[static_cast<std::size_t>(pattern)];
}

std::string_view name(Protocol protocol) {
  constexpr std::array<std::string_view, kProtocols.size()> kNames = {"ll", "ll128", "simple"};
  return kNames[static_cast<std::size_t>(protocol)];
}

const NetworkCost* find_cost(const NetworkCosts& costs, Pattern pattern, Protocol protocol) {
  for (const NetworkCost& cost : costs) {
    if (cost.pattern == pattern && cost.protocol == protocol) {
      return &cost;
    }
  }
  return nullptr;
}

}  // namespace towtank
