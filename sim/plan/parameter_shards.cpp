#include "sim/plan/parameter_shards.hpp"

#include "sim/model/parameters.hpp"

namespace towtank {

StageParameters stage_parameters(const Architecture& model,
                                 const TrainingPlan& plan,
                                 const Stage& stage) {
  const BlockParameters block = block_parameters(model);
  const double local_experts =
      static_cast<double>(model.moe.experts) / static_cast<double>(plan.expert);
  StageParameters result;
  bool head_counted = false;
  for (const UnitKind unit : stage.units) {
    switch (unit) {
      case UnitKind::kEmbedding:
        result.dense += block.embedding;
        break;
      case UnitKind::kDenseLayer:
        result.dense += block.attention + block.norms + block.dense_mlp;
        break;
      case UnitKind::kMtpLayer:
      case UnitKind::kMoeLayer:
        result.dense += block.attention + block.norms + block.router + block.shared_experts;
        result.experts += local_experts * block.expert;
        if (unit == UnitKind::kMtpLayer) {
          result.dense += block.mtp_join;
        }
        break;
      case UnitKind::kHead:
        result.dense += head_counted ? 0.0 : block.head + static_cast<double>(model.hidden);
        head_counted = true;
        break;
    }
  }
  return result;
}

}  // namespace towtank
