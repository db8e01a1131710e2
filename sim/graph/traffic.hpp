// What one rank sends in each kind of communication: flows on its NVLink and NIC ports.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "sim/collective/tuner.hpp"
#include "sim/graph/fabric_hops.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Makes the traffics of a training step. Flows of one rank to peers of one class become one flow
/// with as many copies; unfolded, each peer is a class of its own.
class TrafficMaker {
 public:
  /// The ranks and ports of `graph` are there; the wires of the fabric are added. Graph and job
  /// outlive the maker.
  TrafficMaker(const JobLayout& job, OpGraph& graph)
      : job_(job), graph_(graph), fabric_(job, graph) {}

  /// Tokens to their experts (FP8 with scales in FP8 recipes) or expert results back (BF16), once
  /// over the NIC to each target node and from there over NVLink.
  Traffic experts(TransferKind kind, int rank, bool shares_gpu) const;

  /// A micro-batch's activations, or their gradients (BF16), to the same position of another
  /// pipeline rank.
  Traffic boundary(int rank, int to) const;

  /// Keys and values of the sequence (BF16), compressed where attention is latent, to all ranks
  /// that share it: once to each other node, and from where they land there to its other ranks. Or
  /// their gradients back, summed up inside each node, on the same ways.
  Traffic context(TransferKind kind, int rank) const;

  /// A collective of `group`, of which the rank is a member, phase by phase. Convoys stand for all
  /// members, and one member sends them; pairs are what the rank itself sends.
  std::vector<Traffic> collective(TransferKind kind,
                                  GroupKind of,
                                  int rank,
                                  const std::vector<int>& group,
                                  const TunedCollective& tuned) const;

 private:
  /// What goes over the medium of a fan-out: `each` bytes, after `latency` on the fabric.
  struct Fan {
    Medium medium = Medium::kNic;
    Bytes each;
    Seconds latency = {};
  };

  void convoys(int rank,
               const std::vector<int>& group,
               const TunedPhase& phase,
               std::vector<Flow>& flows) const;
  void pairs(int rank,
             const std::vector<int>& group,
             const TunedPhase& phase,
             std::vector<Flow>& flows) const;
  void uneven_experts(TransferKind kind,
                      int rank,
                      const UnevenGroup& uneven,
                      const std::vector<int>& group,
                      std::vector<Flow>& flows) const;

  /// Sends to every destination.
  void fan_out(int rank,
               const std::vector<int>& destinations,
               const Fan& fan,
               std::vector<Flow>& flows) const;
  Seconds longest(const std::vector<int>& group) const;
  int index(int rank) const;

  const JobLayout& job_;
  const OpGraph& graph_;
  FabricHops fabric_;
  mutable std::map<std::vector<int>, Seconds> longest_;  // by group
};

}  // namespace towtank
