// Placement of experts by their load: popular ones are copied, and slots packed so that ranks
// receive as much as each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/plan/expert_placement.hpp"
#include "sim/plan/expert_plan.hpp"
#include "sim/plan/mesh.hpp"

namespace towtank {

/// Whether the hierarchical policy is possible: the router's groups, more than one of them, divide
/// over the nodes, and so do the redundant experts.
bool groups_fit_nodes(const ExpertLayer& layer, const GroupShape& shape, std::int64_t redundant);

/// The placement of experts with these loads. kHierarchical must be possible and there must be no
/// slot_problem() (BrokenClaim otherwise). The policy that was followed, of kBalanced the one it
/// chose, is in the result.
struct BalancedPlacement {
  ExpertPlacement placement;
  PlacementPolicy policy = PlacementPolicy::kStatic;
};
BalancedPlacement place_by_load(const ExpertLayer& layer,
                                const GroupShape& shape,
                                std::int64_t redundant,
                                PlacementPolicy policy,
                                std::span<const double> load);

/// Replicas of each expert (experts), `redundant` more than experts, at most `most` of one: every
/// further one to the expert with the most load a replica. No other choice makes the heaviest
/// replica lighter.
std::vector<std::size_t> replicate(std::span<const double> load,
                                   std::size_t redundant,
                                   std::size_t most);

}  // namespace towtank
