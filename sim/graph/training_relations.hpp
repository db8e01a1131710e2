// How the ranks of a training step are related: who computes the same, who sends to whom, who waits
// for whom.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/graph/fabric_wires.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/graph/uneven_experts.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/schedule.hpp"

namespace towtank {

/// RankRelations::attributes of a training step: programs, faults and, of uneven experts (null:
/// balanced), what a rank's receive.
std::vector<std::uint64_t> rank_attributes(const Mesh& mesh,
                                           const Schedule& schedule,
                                           const Cluster& cluster,
                                           const UnevenExperts* experts = nullptr);

/// The relations of a training step: programs (directions forgotten, since a bidirectional schedule
/// is its own mirror image) and faults, pipeline neighbours, expert, context and data-parallel
/// groups with what their members send each other.
/// With a `fabric` (null: non-blocking), the wires and ports that sendings cross, and what faults
/// of the fabric leave of the ranks' ports; `first_gpu` is its number of rank 0.
RankRelations training_relations(const Mesh& mesh,
                                 const Schedule& schedule,
                                 const Cluster& cluster,
                                 const UnevenExperts* experts = nullptr,
                                 FabricWires* fabric = nullptr,
                                 int first_gpu = 0);

}  // namespace towtank
