// Collectives that run at the same time, on the ranks of a cluster.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/collective/convoys.hpp"
#include "sim/collective/movement.hpp"
#include "sim/graph/fabric_wires.hpp"

namespace towtank {

/// What one group moves. No GPU is in two groups.
struct GroupMovement {
  std::vector<Member> members;
  Movement movement;
  int kind = 0;  // groups of different kinds are not alike, whatever they move
};

/// The groups, with their members numbered one group after the other; GPUs outside all groups that
/// pass something on follow when they are first needed. Cluster, fabric and groups are the
/// caller's.
class MovementJob {
 public:
  /// `fabric` is null where the network is non-blocking.
  MovementJob(const Cluster& cluster, FabricWires* fabric, std::span<const GroupMovement> groups);

  const Cluster& cluster() const { return cluster_; }
  FabricWires* fabric() const { return fabric_; }
  std::span<const GroupMovement> groups() const { return groups_; }
  const std::vector<Convoy>& convoys(std::size_t group, std::size_t phase) const {
    return convoys_[group][phase];
  }

  /// Of a group's member.
  int rank(std::size_t group, int member) const { return first_rank_[group] + member; }
  /// GPUs of some of a group's members, in their order.
  std::vector<int> gpus_of(std::size_t group, const std::vector<int>& members) const;
  /// Of a GPU; it gets one when it has none.
  int rank_of_gpu(int gpu);
  int gpu(int rank) const { return gpus_[static_cast<std::size_t>(rank)]; }
  int ranks() const { return static_cast<int>(gpus_.size()); }

 private:
  const Cluster& cluster_;
  FabricWires* fabric_;
  std::span<const GroupMovement> groups_;
  std::vector<std::vector<std::vector<Convoy>>> convoys_;  // (groups, phases)
  std::vector<int> first_rank_;                            // (groups)
  std::vector<int> gpus_;                                  // (ranks)
  std::vector<int> ranks_;                                 // (GPUs of the cluster); -1: none
};

}  // namespace towtank
