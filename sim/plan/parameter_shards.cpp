#include "sim/plan/parameter_shards.hpp"

#include <algorithm>
#include <variant>

#include "sim/model/op_writer.hpp"
#include "sim/model/parameters.hpp"

namespace towtank {
namespace {

/// True when the ranks of the last stage hold the first one as well.
bool ends_share_a_rank(const TrainingPlan& plan) {
  return plan.pipeline == 1 || plan.schedule == ScheduleKind::kDualPipe ||
         plan.schedule == ScheduleKind::kDualPipeV;
}

/// A block of the model as one rank has it. The projection that joins an MTP module is divided as
/// well, its norms are not.
BlockParameters block_of_rank(const Architecture& model, const TrainingPlan& plan) {
  BlockParameters block = block_parameters(model_of_rank(model, plan));
  const double norms = 3.0 * block.final_norm;
  block.mtp_join = (block.mtp_join - norms) / plan.tensor + norms;
  return block;
}

Attention attention_of_rank(Attention attention, std::int64_t tensor) {
  if (auto* const mla = std::get_if<LatentAttention>(&attention)) {
    mla->heads = per_rank(mla->heads, tensor);
  } else {
    auto& grouped = std::get<GroupedAttention>(attention);
    grouped.heads = per_rank(grouped.heads, tensor);
    grouped.kv_heads = per_rank(grouped.kv_heads, tensor);
  }
  return attention;
}

/// A tied head is the embedding of the first stage; away from it, a copy of the tokens' rows.
double head_parameters(const Architecture& model,
                       const TrainingPlan& plan,
                       const BlockParameters& block) {
  if (!model.tied_embeddings) {
    return block.head;
  }
  const double tokens_rows = static_cast<double>(per_rank(model.vocabulary, plan.tensor)) *
                             static_cast<double>(model.hidden);
  return ends_share_a_rank(plan) ? 0.0 : tokens_rows;
}

}  // namespace

Architecture model_of_rank(const Architecture& model, const TrainingPlan& plan) {
  Architecture rank = model;
  rank.attention = attention_of_rank(model.attention, plan.tensor);
  rank.dense_intermediate = per_rank(model.dense_intermediate, plan.tensor);
  rank.vocabulary = per_rank(model.vocabulary, plan.tensor);
  if (model.moe.shared_experts > 0) {
    rank.moe.shared_experts = 1;
    rank.moe.shared_intermediate = per_rank(model.moe.width_of_shared(), plan.tensor);
  }
  rank.moe.intermediate = per_rank(model.moe.intermediate, plan.expert_tensor);
  return rank;
}

ShardGroups shard_groups(const TrainingPlan& plan, std::size_t hosts) {
  const bool in_groups = plan.shard > 0 && plan.shard < plan.data;  // each on one pipeline rank
  const double dense = in_groups ? plan.shard : static_cast<double>(hosts) * plan.data;
  return {.dense = dense, .experts = dense * plan.tensor / (plan.expert * plan.expert_tensor)};
}

StageParameters stage_parameters(const Architecture& model,
                                 const TrainingPlan& plan,
                                 const Stage& stage) {
  const BlockParameters block = block_of_rank(model, plan);
  const auto local_experts = static_cast<double>(plan.local_experts(model.moe.experts));
  StageParameters result;
  const auto add_precise = [&result](double parameters) {
    result.dense += parameters;
    result.high_precision += parameters;
  };
  const auto add_layer = [&](bool with_experts) {
    result.dense += block.attention + (with_experts ? block.shared_experts : block.dense_mlp);
    add_precise(block.norms + (with_experts ? block.router : 0.0));
    result.experts += with_experts ? local_experts * block.expert : 0.0;
  };
  bool head_counted = false;
  for (const Unit& unit : stage.units) {
    switch (unit.kind) {
      case UnitKind::kEmbedding:
        add_precise(block.embedding);
        break;
      case UnitKind::kDenseLayer:
        add_layer(false);
        break;
      case UnitKind::kMtpLayer:
        result.dense += block.mtp_join;
        add_precise(ends_share_a_rank(plan) || model.tied_embeddings ? 0.0 : block.embedding);
        add_layer(has_experts(unit.kind, model));
        break;
      case UnitKind::kMoeLayer:
        add_layer(true);
        break;
      case UnitKind::kHead:
        add_precise(head_counted ? 0.0 : head_parameters(model, plan, block) + block.final_norm);
        head_counted = true;
        break;
    }
  }
  return result;
}

}  // namespace towtank
