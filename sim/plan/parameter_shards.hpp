// The parameters one rank holds of a stage, and the groups that hold the same ones.
#pragma once

#include "sim/model/architecture.hpp"
#include "sim/plan/stages.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// Parameters of one stage on one rank.
struct StageParameters {
  double dense =
      0;  // replicated over all data ranks: attention, norms, router, shared experts, ...
  double experts = 0;  // this rank's routed experts, replicated over the expert-parallel groups
};

/// Embedding and head count once each, on the first and the last stage; the MTP module's copies of
/// them are shared (report, section 2.2).
StageParameters stage_parameters(const Architecture& model,
                                 const TrainingPlan& plan,
                                 const Stage& stage);

}  // namespace towtank
