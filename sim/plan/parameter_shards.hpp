// The parameters one rank holds of a stage, and how many ranks share what it keeps of them.
#pragma once

#include <cstddef>

#include "sim/model/architecture.hpp"
#include "sim/plan/stages.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// The model as one rank has it: heads, inner columns and vocabulary that tensor ranks share are
/// this rank's, rounded up; heads of keys that are fewer than the ranks are on several. Widths that
/// every rank has in full (latents, router, norms) stay.
Architecture model_of_rank(const Architecture& model, const TrainingPlan& plan);

/// Parameters of one stage on one rank.
struct StageParameters {
  /// This rank's of attention, norms, router, shared experts, embedding and head: replicated over
  /// all data ranks.
  double dense = 0;
  /// Of `dense`: embedding, head, router and norms, which stay in BF16 or FP32 in an FP8 recipe.
  double high_precision = 0;
  /// This rank's routed experts, replicated over the expert-parallel groups.
  double experts = 0;
};

/// How many ranks divide among them what is sharded of a stage's parameters. `hosts`: pipeline
/// ranks that hold the stage.
struct ShardGroups {
  double dense = 1.0;
  double experts = 1.0;
};
ShardGroups shard_groups(const TrainingPlan& plan, std::size_t hosts);

/// Embedding and head count on the first and the last stage. An MTP module shares both (report,
/// section 2.2), and a tied head is the embedding: where the schedule puts the first and the last
/// stage on different ranks, the last one holds a copy of the embedding. (Adding up the two copies'
/// gradients is not modelled: one transfer a step.)
StageParameters stage_parameters(const Architecture& model,
                                 const TrainingPlan& plan,
                                 const Stage& stage);

}  // namespace towtank
