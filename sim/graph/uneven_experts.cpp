#include "sim/graph/uneven_experts.hpp"

#include <cmath>
#include <cstddef>

#include "sim/plan/expert_group.hpp"

namespace towtank {

TokenShard UnevenExperts::shard(const TokenShard& balanced,
                                std::size_t place,
                                double balanced_copies) const {
  TokenShard shard = balanced;
  const double padding = static_cast<double>(balanced.expert_rows) - balanced_copies;
  shard.expert_rows = std::llround(rows[place] + padding);
  return shard;
}

std::optional<UnevenExperts> uneven_experts(const Architecture& model,
                                            const TrainingPlan& plan,
                                            const Mesh& mesh) {
  if (is_balanced_routing(plan.expert_plan)) {
    return std::nullopt;
  }
  const GroupShape shape = group_shape(mesh, mesh.expert_group(0));
  const PlacedExperts placed = place_experts(model.moe, shape, plan.expert_plan);
  const auto tokens = static_cast<double>(plan.tokens_per_rank());
  const std::vector<double> sources(static_cast<std::size_t>(shape.size()), tokens);
  const auto bytes = [&](Bytes copy) {
    return dispatch_bytes(shape, sources, placed.rank_visits, placed.node_visits, copy);
  };
  UnevenExperts result{.rows = {},
                       .dispatch = bytes(dispatched_copy(plan.recipe, model.hidden)),
                       .combine = reversed(bytes(combined_copy(model.hidden)))};
  result.rows.reserve(placed.rank_copies.size());
  for (const double copies : placed.rank_copies) {
    result.rows.push_back(copies * tokens * shape.size());
  }
  return result;
}

}  // namespace towtank
