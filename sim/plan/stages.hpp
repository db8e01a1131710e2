// Which layers each pipeline stage holds.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// What a stage is made of, in forward order.
enum class UnitKind {
  kEmbedding,
  kDenseLayer,
  kMoeLayer,
  kMtpLayer,  // MTP join and its layer, which has experts where any layer has
  kHead,      // final norm, output head and loss; once for the model, once for each MTP module
};

/// A unit of a stage. Units of one kind and window are alike.
struct Unit {
  UnitKind kind = UnitKind::kDenseLayer;
  std::int64_t window = 0;  // keys that a query of a layer sees at most; 0: all

  friend auto operator<=>(const Unit&, const Unit&) = default;
};

/// Whether a unit's tokens travel to experts.
bool has_experts(UnitKind unit, const Architecture& model);

struct Stage {
  int first_layer = 0;
  int layers = 0;  // transformer layers of the model, MTP modules not counted
  std::vector<Unit> units;
};

/// The stages of a plan: layers as plan.stage_layers says, or balanced so that the sum of the
/// stages' squared FLOP is least, MTP modules and heads included and at least one layer a stage.
/// FLOP and not time: a plan knows no GPU. `stages` is the schedule's number of stages.
std::vector<Stage> make_stages(const Architecture& model, const TrainingPlan& plan, int stages);

}  // namespace towtank
