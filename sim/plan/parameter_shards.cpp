#include "sim/plan/parameter_shards.hpp"

#include "sim/model/parameters.hpp"

namespace towtank {
namespace {

/// True when the ranks of the last stage hold the first one as well.
bool ends_share_a_rank(const TrainingPlan& plan) {
  return plan.pipeline == 1 || plan.schedule == ScheduleKind::kDualPipe ||
         plan.schedule == ScheduleKind::kDualPipeV;
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
  bool head_counted = false;
  for (const UnitKind unit : stage.units) {
    switch (unit) {
      case UnitKind::kEmbedding:
        add_precise(block.embedding);
        break;
      case UnitKind::kDenseLayer:
        result.dense += block.attention + block.dense_mlp;
        add_precise(block.norms);
        break;
      case UnitKind::kMtpLayer:
        result.dense += block.mtp_join;
        add_precise(ends_share_a_rank(plan) ? 0.0 : block.embedding);
        [[fallthrough]];
      case UnitKind::kMoeLayer:
        result.dense += block.attention + block.shared_experts;
        add_precise(block.norms + block.router);
        result.experts += local_experts * block.expert;
        break;
      case UnitKind::kHead:
        add_precise(head_counted ? 0.0 : block.head + static_cast<double>(model.hidden));
        head_counted = true;
        break;
    }
  }
  return result;
}

}  // namespace towtank
