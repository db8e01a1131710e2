// The collectives of the ranks that hold the same parameters of a stage, and how they run.
#pragma once

#include <map>
#include <vector>

#include "sim/collective/convoys.hpp"
#include "sim/collective/tuner.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/parameter_shards.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// Bytes: nccl-tests' size.
struct ReplicaCollective {
  Collective kind = Collective::kReduceScatter;
  Bytes bytes;
};

/// In the order in which they run. Gradients are in the recipe's precision, parameters BF16.
struct ReplicaCollectives {
  std::vector<ReplicaCollective> of_gradients;
  std::vector<ReplicaCollective> of_parameters;
};

/// Of `parameters` parameters. Sharded, gradients are reduced to their owners, who send the updated
/// parameters to all; whole, gradients are all-reduced: where `costs` are known as one collective,
/// else as the reduce-scatter and the all-gather that a ring makes of it.
ReplicaCollectives replica_collectives(const TrainingPlan& plan, double parameters, bool costs);

/// Ranks that hold the same parameters, or in part share them, and what they do together.
struct ReplicaGroup {
  GroupKind kind = GroupKind::kDenseReplicas;
  std::vector<int> ranks;  // ascending
  ReplicaCollectives collectives;
};

/// What `rank`, one of those that hold a stage's dense parameters or experts, does with the other
/// replicas in `hosts` (pipeline ranks). Sharded over part of the replicas only (plan.shard), it
/// reduces and gathers among the ranks of its shards, and adds its shard up with those of the other
/// parts in between (HSDP, arXiv 2304.11277).
std::vector<ReplicaGroup> replica_groups(const TrainingPlan& plan,
                                         const Mesh& mesh,
                                         const std::vector<int>& hosts,
                                         int rank,
                                         const StageParameters& parameters,
                                         GroupKind kind,
                                         bool costs);

/// Ranks as members of a collective: `first_gpu` is that of rank 0.
std::vector<Member> members_of(const Mesh& mesh, const std::vector<int>& group, int first_gpu);

/// One of the different convoys of a group's collectives: equal legs move alike.
struct GroupConvoy {
  Convoy convoy;
  /// Every member sends and receives as many parts as every other.
  bool even = false;
  /// Convoys of one phase with parts of one size have the same.
  int number = 0;
};

/// The deliveries by themselves of a phase.
struct GroupPairs {
  std::vector<Delivery> pairs;
  int number = 0;  // of the phase
};

/// What relates a group's members, whatever the bytes and delays.
struct GroupMotion {
  std::vector<GroupConvoy> convoys;
  std::vector<GroupPairs> pairs;
};

/// The motions of replica groups, found once for all whose members sit alike.
class GroupMotions {
 public:
  explicit GroupMotions(Tuner& tuner) : tuner_(tuner) {}

  /// Of all collectives of a group of `members`; valid as long as this is.
  const GroupMotion& of(const ReplicaCollectives& collectives, const std::vector<Member>& members);

 private:
  Tuner& tuner_;
  std::map<std::vector<const TunedCollective*>, GroupMotion> known_;
};

}  // namespace towtank
