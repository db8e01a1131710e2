// What one rank sends in each kind of communication: flows on its NVLink and NIC ports.
#pragma once

#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// A group's members as one of them reaches them.
struct Peers {
  std::vector<int> local;   // other members on the same node
  std::vector<int> remote;  // on each other node, the member at the same place in its node
  int next_remote = -1;     // the one of them on the node that follows in the ring; -1: none
  int nodes = 1;
};

/// Throws BrokenClaim if the group's nodes hold different numbers of members.
Peers peers(const Mesh& mesh, const std::vector<int>& group, int rank);

/// Makes the traffics of a training step. With folded classes a flow to equal peers becomes one
/// flow with as many copies; unfolded, each peer has its own.
class TrafficMaker {
 public:
  TrafficMaker(const Architecture& model,
               const TrainingPlan& plan,
               const Mesh& mesh,
               const RankClasses& classes);

  /// Tokens to their experts (FP8 with scales in FP8 recipes) or expert results back (BF16), once
  /// over the NIC to each target node and from there over NVLink.
  Traffic experts(TransferKind kind, int rank, bool shares_gpu) const;

  /// A micro-batch's activations, or their gradients (BF16), to the same position of another
  /// pipeline rank.
  Traffic boundary(int rank, int to) const;

  /// Compressed keys and values of the sequence (BF16), to all ranks that share it, or their
  /// gradients back; both move the same bytes.
  Traffic context(TransferKind kind, int rank) const;

  /// Ring reduce-scatter or all-gather of `size` over `group`: around the NVLinks of each node and,
  /// at equal places, around the nodes.
  Traffic ring(TransferKind kind, int rank, const std::vector<int>& group, Bytes size) const;

 private:
  void fan_out(int rank,
               const std::vector<int>& destinations,
               Medium medium,
               Bytes each,
               std::vector<Flow>& flows) const;
  int index(int rank) const;

  const Architecture& model_;
  const TrainingPlan& plan_;
  const Mesh& mesh_;
  const RankClasses& classes_;
  bool folded_;
};

}  // namespace towtank
