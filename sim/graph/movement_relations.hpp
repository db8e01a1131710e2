// How the ranks of collectives that run at the same time are related: who sends what to whom, over
// which wires, and who keeps pace with whom.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/graph/movement_job.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/graph/same_ways.hpp"

namespace towtank {

/// Pairs whose ways over the network are followed one by one, at most: some hundreds of bytes each.
inline constexpr std::int64_t kMostPairs = 1'200'000;

/// The relations, and how to read their classes. Exchanges stay groups in which everybody sends to
/// everybody, so that relations are linear in members; only where wires of the fabric can be full
/// their ways are followed: from leaf switch to leaf switch or to card where the routing lets all
/// cards of a switch take the same (see same_ways.hpp), pair by pair where it does not.
struct MovementRelations {
  RankRelations relations;
  /// (ranks of the relations): a rank of the job, or -1 for all members of an exchange behind one
  /// leaf switch, which are related to the wires together.
  std::vector<int> rank;
  std::vector<bool> can_be_full;      // (wires of the fabric)
  std::optional<SameWays> same_ways;  // where there is a fabric and an exchange over it
};

/// Throws InputError when the exchanges of a phase have more than kMostPairs pairs.
void check_number_of_pairs(const MovementJob& job, const MovementPhase& phase);

/// InputError at the cluster's fabric.
[[noreturn]] void refuse_so_many_pairs(const MovementJob& job);

/// Throws InputError when an end of a delivery over a network that is described is a switch.
void check_switches_do_not_add(const MovementJob& job, int from, int to);

/// Whether the network joins all members of an exchange without help from NVLink.
bool on_one_rail(const SameWays& ways,
                 const std::vector<Member>& members,
                 const Exchange& exchange);

/// Ranks that pass something on are added to the job. Throws InputError as FabricWires, when there
/// are more than kMostPairs pairs, and when the network's switches are to add on a network that is
/// described.
MovementRelations movement_relations(MovementJob& job);

}  // namespace towtank
