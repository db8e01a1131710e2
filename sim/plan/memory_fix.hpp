// What to change of a plan that does not fit into memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// A change of a plan. `settings` are the keys and values of its scenario file that make it.
struct MemoryFix {
  TrainingPlan plan;
  std::vector<std::string> settings;  // "zero = 3"
};

/// The most that any rank of the plan needs. The plan must be one that can be built.
Bytes peak_of_plan(const Architecture& model, const TrainingPlan& plan);

/// The first change with which the plan needs no more than `capacity`, in the order of what they
/// cost: sharding of what is whole without more communication a micro-batch, recomputation from the
/// core of attention to whole layers, sharding that gathers and reduces more often, more tensor
/// ranks, more pipeline ranks, smaller micro-batches; one change if one is enough, else two, else
/// whole layers recomputed with everything sharded over more and more tensor ranks. Nothing if none
/// of these does. GPUs and global batch stay.
std::optional<MemoryFix> cheapest_fix(const Architecture& model,
                                      const TrainingPlan& plan,
                                      Bytes capacity);

}  // namespace towtank
