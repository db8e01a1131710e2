// How tokens fall on experts, and how experts are laid out for it: what a plan says of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "sim/plan/expert_load.hpp"

namespace towtank {

/// How experts find their ranks. The balanced ones follow the idea of DeepSeek's load balancer
/// (DeepSeek-V3 report, section 3.4; deepseek-ai/EPLB): redundant slots go to the experts with the
/// most load a replica, then slots are packed into ranks.
enum class PlacementPolicy {
  kStatic,        // place_in_order(), whatever the load
  kHierarchical,  // the router's groups whole to nodes, replicas inside the node of their expert,
                  // so that a token still crosses to few nodes
  kGlobal,        // replicas on any rank, for groups too large for nodes to matter
  kBalanced,      // hierarchical where groups divide over nodes, unless the busiest rank would then
                  // receive more than in order; global otherwise
};

/// "static", "hierarchical", "global", "balanced".
std::string_view name(PlacementPolicy policy);

/// How tokens fall on experts, the same in every layer, and how experts are laid out for it.
struct ExpertPlan {
  ExpertLoad load = UniformLoad{};
  PlacementPolicy placement = PlacementPolicy::kStatic;
  std::int64_t redundant = 0;  // expert slots beyond one an expert, over the whole group
};

/// Whether the plan is what expert_traffic() works out, at any size: uniform loads, every expert
/// once and in order.
inline bool is_balanced_routing(const ExpertPlan& plan) {
  return std::holds_alternative<UniformLoad>(plan.load) &&
         plan.placement == PlacementPolicy::kStatic && plan.redundant == 0;
}

}  // namespace towtank
