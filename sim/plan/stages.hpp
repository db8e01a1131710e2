// Which layers each pipeline stage holds.
#pragma once

#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// What a stage is made of, in forward order.
enum class UnitKind {
  kEmbedding,
  kDenseLayer,
  kMoeLayer,
  kMtpLayer,  // MTP join and its MoE layer
  kHead,      // final norm, output head and loss; once for the model, once for each MTP module
};

struct Stage {
  int first_layer = 0;
  int layers = 0;  // transformer layers of the model, MTP modules not counted
  std::vector<UnitKind> units;
};

/// The stages of a plan: layers as plan.stage_layers says, or balanced so that the sum of the
/// stages' squared FLOP is least, MTP modules and heads included and at least one layer a stage.
/// FLOP and not time: a plan knows no GPU. `stages` is the schedule's number of stages.
std::vector<Stage> make_stages(const Architecture& model, const TrainingPlan& plan, int stages);

}  // namespace towtank
