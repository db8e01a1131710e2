// How the ranks of collectives that run at the same time are related: who sends what to whom, over
// which wires, and who keeps pace with whom.
#pragma once

#include <optional>
#include <vector>

#include "sim/graph/movement_job.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/graph/same_ways.hpp"

namespace towtank {

/// The relations, and how to read their classes; exchanges are linear in members (see
/// exchange_relations.hpp).
struct MovementRelations {
  RankRelations relations;
  /// (ranks of the relations): a rank of the job, or -1 for all members of an exchange behind one
  /// leaf switch, which are related to the wires together.
  std::vector<int> rank;
  std::vector<bool> can_be_full;      // (wires of the fabric)
  std::optional<SameWays> same_ways;  // where there is a fabric and an exchange over it
};

/// Ranks that pass something on are added to the job. Throws InputError as FabricWires, and when
/// there are more than kMostPairs pairs (see pair_limit.hpp).
MovementRelations movement_relations(MovementJob& job);

}  // namespace towtank
