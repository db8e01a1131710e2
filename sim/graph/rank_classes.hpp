// Ranks that behave alike: the equitable partition that makes cost grow with behaviours, not with
// GPUs.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sim/plan/mesh.hpp"
#include "sim/plan/schedule.hpp"

namespace towtank {

/// How ranks are related, as far as their timing can depend on each other. Labels tell relations of
/// different kinds apart.
struct RankRelations {
  std::vector<int>
      attributes;  // (ranks): what a rank does by itself: equal numbers, equal programs
  std::vector<std::vector<int>> groups;                       // members of each group
  std::vector<std::vector<std::pair<int, int>>> memberships;  // (ranks): (label, group)
  std::vector<std::vector<std::pair<int, int>>> neighbours;   // (ranks): (label, rank)
};

/// A partition of the ranks.
struct RankClasses {
  std::vector<int> class_of;          // (ranks)
  std::vector<int> representatives;   // (classes): the lowest rank of each class, ascending
  std::vector<std::int64_t> members;  // (classes)
};

/// The coarsest equitable partition: ranks of one class have equal attributes and, relation by
/// relation, neighbours and group members of equal classes. Found by colour refinement: start from
/// the attributes, split by neighbours until nothing splits.
RankClasses equitable_partition(const RankRelations& relations);

/// Every rank in a class of its own.
RankClasses unfolded(int ranks);

/// The relations of a training step: programs (directions forgotten, since a bidirectional schedule
/// is its own mirror image), pipeline neighbours, expert, context and data-parallel groups.
RankRelations training_relations(const Mesh& mesh, const Schedule& schedule);

}  // namespace towtank
