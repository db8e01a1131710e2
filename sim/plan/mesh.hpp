// The grid of ranks and the groups that communicate: who sits where, who talks with whom.
//
// Global rank = pipeline * data * tensor + position; position counts the ranks of one pipeline
// stage, as Megatron-Core orders them. Neighbouring positions share a node, then a tensor-parallel
// or expert-parallel group, so that their traffic stays as near as it can:
//
//   position % tensor               place among the ranks that share every linear layer
//   position / tensor % context     place in the group that shares one sequence
//   position % expert_tensor        place among the ranks that share a routed expert
//   position / expert_tensor % expert  place in the expert-parallel group
//   position / expert_tensor / expert  place among the copies of the same experts
#pragma once

#include <cstddef>
#include <vector>

#include "sim/plan/schedule.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

class Mesh {
 public:
  /// `gpus_per_node` ranks of consecutive numbers share a node.
  Mesh(const TrainingPlan& plan, int gpus_per_node);

  int ranks() const { return pipeline_ * positions_; }
  int positions() const { return positions_; }  // ranks of one pipeline stage
  int rank(int pipeline, int position) const { return pipeline * positions_ + position; }
  int pipeline(int rank) const { return rank / positions_; }
  int position(int rank) const { return rank % positions_; }
  int node(int rank) const { return rank / gpus_per_node_; }
  int place(int rank) const { return rank % gpus_per_node_; }  // on its node

  /// Ranks of one expert-parallel group, `rank` among them, ascending.
  std::vector<int> expert_group(int rank) const;

  /// Ranks that share a sequence with `rank`, ascending.
  std::vector<int> context_group(int rank) const;

  /// Ranks that share every linear layer with `rank`, ascending.
  std::vector<int> tensor_group(int rank) const;

  /// Ranks that share every routed expert with `rank`, ascending.
  std::vector<int> expert_tensor_group(int rank) const;

  /// Ranks that hold the same dense (not expert) parameters as `rank` does of the stages in
  /// `hosts`: the same place of each tensor-parallel group of the pipeline ranks in `hosts`,
  /// ascending.
  std::vector<int> dense_replicas(const std::vector<int>& hosts, int rank) const;

  /// Ranks that hold the same experts as `rank` does: one position of each expert-parallel group of
  /// the pipeline ranks in `hosts`, ascending.
  std::vector<int> expert_replicas(const std::vector<int>& hosts, int rank) const;

 private:
  std::vector<int> run(int rank, int count, int stride) const;
  std::vector<int> every(const std::vector<int>& hosts, int rank, int stride) const;

  int pipeline_;
  int positions_;
  int tensor_;
  int context_;
  int expert_;
  int expert_tensor_;
  int gpus_per_node_;
};

/// A group as its network sees it: `local` members on each of `nodes` nodes, or, where nodes hold
/// different numbers of them, as many as `uneven` says.
struct GroupShape {
  int local = 1;  // on the fullest node
  int nodes = 1;
  std::vector<int> uneven = {};  // (nodes) members, in the order of the ranks; empty: all `local`

  bool even() const { return uneven.empty(); }
  int on(int node) const { return even() ? local : uneven[static_cast<std::size_t>(node)]; }
  int size() const;
  std::vector<int> of_nodes() const;  // on() of each

  friend bool operator==(const GroupShape&, const GroupShape&) = default;
};

/// The shape of a group of ranks, which ascend.
GroupShape group_shape(const Mesh& mesh, const std::vector<int>& group);

/// Pipeline ranks that hold `stage`, ascending: two for a bidirectional schedule.
std::vector<int> hosts_of_stage(const Schedule& schedule, int stage);

}  // namespace towtank
