// One expert-parallel group with its experts placed: what each rank and node will be sent.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/plan/expert_balancer.hpp"
#include "sim/plan/expert_load.hpp"
#include "sim/plan/expert_placement.hpp"
#include "sim/plan/expert_plan.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/token_routing.hpp"

namespace towtank {

struct PlacedExperts {
  TokenRouting routing;
  ExpertPlacement placement;
  PlacementPolicy policy = PlacementPolicy::kStatic;  // that was followed
  std::vector<double> visits;       // (experts) probability that a token visits the expert
  std::vector<double> rank_copies;  // (ranks) visits to the rank's experts a token
  std::vector<double> rank_visits;  // (ranks) probability that a token visits any of them
  std::vector<double> node_visits;  // (nodes) probability that a token visits the node
};

/// Why the plan cannot be: loads that no router makes, or slots that do not divide over the ranks
/// or, for the hierarchical policy, over the nodes. None when place_experts() will do.
std::optional<ExpertProblem> expert_problem(const ExpertLayer& layer,
                                            const GroupShape& shape,
                                            const ExpertPlan& plan);

/// The plan carried out on a group of this shape, whose ranks count node by node. BrokenClaim if
/// there is an expert_problem().
PlacedExperts place_experts(const ExpertLayer& layer,
                            const GroupShape& shape,
                            const ExpertPlan& plan);

/// Rows in each slot's GEMM, expected, when every rank sends `tokens_per_rank` tokens. (ranks x
/// slots of a rank)
std::vector<double> expert_rows(const PlacedExperts& group, double tokens_per_rank);

}  // namespace towtank
