#include "sim/graph/uneven_experts.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "sim/plan/expert_group.hpp"
#include "sim/plan/expert_traffic.hpp"

namespace towtank {

TokenShard UnevenGroup::shard(const TokenShard& balanced,
                              std::size_t place,
                              double balanced_copies) const {
  TokenShard shard = balanced;
  const double padding = static_cast<double>(balanced.expert_rows) - balanced_copies;
  shard.expert_rows = std::llround(rows[place] + padding);
  return shard;
}

namespace {

/// What a token visits in a group of this shape, and the copies a rank receives of each token of
/// the group.
struct Visits {
  std::vector<double> of_ranks;
  std::vector<double> of_nodes;
  std::vector<double> copies;
};

Visits visits_in(const ExpertLayer& moe, const GroupShape& shape, const ExpertPlan& plan) {
  if (is_balanced_routing(plan)) {
    BalancedVisits visits = balanced_visits(moe, shape);
    const double copies = static_cast<double>(moe.top_k) / shape.size();
    return {.of_ranks = std::move(visits.of_ranks),
            .of_nodes = std::move(visits.of_nodes),
            .copies = std::vector<double>(static_cast<std::size_t>(shape.size()), copies)};
  }
  PlacedExperts placed = place_experts(moe, shape, plan);
  return {.of_ranks = std::move(placed.rank_visits),
          .of_nodes = std::move(placed.node_visits),
          .copies = std::move(placed.rank_copies)};
}

UnevenGroup uneven_group(const Architecture& model,
                         const TrainingPlan& plan,
                         const GroupShape& shape) {
  const Visits visits = visits_in(model.moe, shape, plan.expert_plan);
  const auto tokens = static_cast<double>(plan.own_tokens());
  const std::vector<double> sources(static_cast<std::size_t>(shape.size()), tokens);
  const auto bytes = [&](Bytes copy) {
    return dispatch_bytes(shape, sources, visits.of_ranks, visits.of_nodes, copy);
  };
  UnevenGroup result{.rows = {},
                     .dispatch = bytes(dispatched_copy(plan.recipe, model.hidden)),
                     .combine = reversed(bytes(combined_copy(model.hidden)))};
  result.rows.reserve(visits.copies.size());
  for (const double copies : visits.copies) {
    result.rows.push_back(copies * tokens * shape.size() * plan.expert_tensor);
  }
  return result;
}

}  // namespace

std::optional<UnevenExperts> uneven_experts(const Architecture& model,
                                            const TrainingPlan& plan,
                                            const Mesh& mesh) {
  if (model.moe.experts == 0) {
    return std::nullopt;
  }
  UnevenExperts result{
      .kinds = {}, .kind_of = {}, .ranks = plan.expert, .stride = plan.expert_tensor};
  std::vector<GroupShape> shapes;  // of the kinds; there are as many as places to start on a node
  result.kind_of.reserve(static_cast<std::size_t>(mesh.ranks() / plan.expert));
  const bool balanced = is_balanced_routing(plan.expert_plan);
  const int block = plan.expert * plan.expert_tensor;
  for (int group = 0; group < mesh.ranks() / plan.expert; ++group) {
    const int rank = group / plan.expert_tensor * block + group % plan.expert_tensor;
    GroupShape shape = group_shape(mesh, mesh.expert_group(rank));
    if (balanced && is_visited_evenly(model.moe, shape)) {
      result.kind_of.push_back(-1);
      continue;
    }
    const auto known = std::ranges::find(shapes, shape);
    result.kind_of.push_back(static_cast<int>(known - shapes.begin()));
    if (known == shapes.end()) {
      result.kinds.push_back(uneven_group(model, plan, shape));
      shapes.push_back(std::move(shape));
    }
  }
  return result.kinds.empty() ? std::nullopt : std::optional(std::move(result));
}

}  // namespace towtank
