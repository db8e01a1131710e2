// Expert-parallel groups whose ranks receive unequally much, hold copies of popular experts, or sit
// unevenly on their nodes.
#pragma once

#include <optional>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/model/layer_ops.hpp"
#include "sim/plan/dispatch_bytes.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// A group, the same in every layer. Places are positions in the group.
struct UnevenGroup {
  /// (places) token copies that arrive in one micro-batch, at all that share the experts there.
  std::vector<double> rows;
  PairBytes dispatch;  // of one micro-batch
  PairBytes combine;

  /// What the ranks at this place work on; rows are padded as balanced ones are.
  TokenShard shard(const TokenShard& balanced, std::size_t place, double balanced_copies) const;
};

/// Those of a job: groups that sit alike on their nodes are alike.
struct UnevenExperts {
  std::vector<UnevenGroup> kinds;
  std::vector<int> kind_of;  // (groups, in the order of their ranks) -1: traffic is balanced
  int ranks = 1;             // of each group
  int stride = 1;            // between them: the ranks that share an expert

  /// The group of a rank of the job; null when its traffic is expert_traffic().
  const UnevenGroup* of(int rank) const {
    const int group = rank / (ranks * stride) * stride + rank % stride;
    const int kind = kind_of[static_cast<std::size_t>(group)];
    return kind < 0 ? nullptr : &kinds[static_cast<std::size_t>(kind)];
  }
  std::size_t place(int rank) const { return static_cast<std::size_t>(rank / stride % ranks); }
};

/// Of a checked plan; nothing of a dense model, and when all groups' routing is balanced and
/// spreads evenly over their nodes, which has a closed form.
std::optional<UnevenExperts> uneven_experts(const Architecture& model,
                                            const TrainingPlan& plan,
                                            const Mesh& mesh);

}  // namespace towtank
