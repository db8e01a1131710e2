// How the ranks of a training step are related: who computes the same, who sends to whom, who waits
// for whom.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/graph/job_layout.hpp"
#include "sim/graph/rank_classes.hpp"

namespace towtank {

/// RankRelations::attributes of a training step: programs, faults and, of uneven experts, what a
/// rank's receive.
std::vector<std::uint64_t> rank_attributes(const JobLayout& job);

/// The relations of a training step: programs (directions forgotten, since a bidirectional schedule
/// is its own mirror image) and faults, pipeline neighbours, expert, context and data-parallel
/// groups with what their members send each other.
/// With a fabric, the wires and ports that sendings cross, and what faults of the fabric leave of
/// the ranks' ports. The job needs no classes yet.
RankRelations training_relations(const JobLayout& job);

}  // namespace towtank
