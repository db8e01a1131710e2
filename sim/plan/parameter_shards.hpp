// The parameters one rank holds of a stage, and the groups that hold the same ones.
#pragma once

#include "sim/model/architecture.hpp"
#include "sim/plan/stages.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// Parameters of one stage on one rank.
struct StageParameters {
  /// Replicated over all data ranks: attention, norms, router, shared experts, embedding, head.
  double dense = 0;
  /// Of `dense`: embedding, head, router and norms, which stay in BF16 or FP32 in an FP8 recipe.
  double high_precision = 0;
  /// This rank's routed experts, replicated over the expert-parallel groups.
  double experts = 0;
};

/// Embedding and head count on the first and the last stage. An MTP module shares both (report,
/// section 2.2), and a tied head is the embedding: where the schedule puts the first and the last
/// stage on different ranks, the last one holds a copy of the embedding. (Adding up the two copies'
/// gradients is not modelled: one transfer a step.)
StageParameters stage_parameters(const Architecture& model,
                                 const TrainingPlan& plan,
                                 const Stage& stage);

}  // namespace towtank
