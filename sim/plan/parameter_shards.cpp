#include "sim/plan/parameter_shards.hpp"

#include "sim/model/parameters.hpp"

namespace towtank {
namespace {

/// True when the ranks of the last stage hold the first one as well.
bool ends_share_a_rank(const TrainingPlan& plan) {
  return plan.pipeline == 1 || plan.schedule == ScheduleKind::kDualPipe ||
         plan.schedule == ScheduleKind::kDualPipeV;
}

/// A tied head is the embedding of the first stage; away from it, a copy of the tokens' rows.
double head_parameters(const Architecture& model,
                       const TrainingPlan& plan,
                       const BlockParameters& block) {
  if (!model.tied_embeddings) {
    return block.head;
  }
  const double tokens_rows =
      static_cast<double>(model.vocabulary) * static_cast<double>(model.hidden);
  return ends_share_a_rank(plan) ? 0.0 : tokens_rows;
}

}  // namespace

StageParameters stage_parameters(const Architecture& model,
                                 const TrainingPlan& plan,
                                 const Stage& stage) {
  const BlockParameters block = block_parameters(model);
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
