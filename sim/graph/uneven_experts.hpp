// An expert-parallel group whose ranks receive unequally much, or hold copies of popular experts.
#pragma once

#include <optional>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/model/layer_ops.hpp"
#include "sim/plan/dispatch_bytes.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// The same in every layer and every group of a job. Places are positions in the group.
struct UnevenExperts {
  std::vector<double> rows;  // (places) token copies that arrive in one micro-batch
  PairBytes dispatch;        // of one micro-batch
  PairBytes combine;

  /// What the ranks at this place work on; rows are padded as balanced ones are.
  TokenShard shard(const TokenShard& balanced, std::size_t place, double balanced_copies) const;
};

/// Of a checked plan; nothing when its routing is balanced, which has a closed form.
std::optional<UnevenExperts> uneven_experts(const Architecture& model,
                                            const TrainingPlan& plan,
                                            const Mesh& mesh);

}  // namespace towtank
