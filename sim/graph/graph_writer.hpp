// Writes nodes and their dependencies down: what chunks and the optimizer are made with.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/graph/replica_collectives.hpp"
#include "sim/graph/traffic.hpp"
#include "sim/graph/unit_segments.hpp"

namespace towtank {

/// Nodes of which each waits for the one before it.
struct Chain {
  int sim = 0;  // the simulated rank it is written for
  int slot = 0;
  std::optional<Vertex> last;
  std::vector<Vertex> waits;  // what its next node waits for besides
};

/// Fills an op graph in place: a Boost graph has no cheap move. "Sim" indexes the simulated ranks,
/// one for each class; plain ranks are those of the job.
class GraphWriter {
 public:
  /// Adds the simulated ranks to `graph`, which must be empty and outlive the writer.
  GraphWriter(const JobLayout& job, OpGraph& graph);

  const JobLayout& job() const { return job_; }
  int simulated_ranks() const { return static_cast<int>(graph_.ranks.size()); }
  int rank(int sim) const { return graph_.ranks[static_cast<std::size_t>(sim)].rank; }
  int pipeline(int sim) const { return job_.mesh.pipeline(rank(sim)); }
  int sim_of(int rank) const { return job_.classes.ranks.class_of[static_cast<std::size_t>(rank)]; }

  int add_slot(SlotLabel label);
  int add_segment(Segment segment);
  std::vector<Segment>& segments() { return graph_.segments; }

  /// Appends a run of kernels to the chain.
  Vertex compute(Chain& chain, int segment);

  /// The newest node on the compute stream of a simulated rank, which has one.
  Vertex last_kernel(int sim) const;

  bool has_kernels(int sim) const { return newest_kernel(sim).has_value(); }
  std::optional<Vertex> newest_kernel(int sim) const;

  /// Dispatch or combine among the rank's expert group.
  void experts(Chain& chain, TransferKind kind, bool shares_gpu);

  /// Gathering of the sequence's compressed keys and values, or the return of their gradients.
  void context(Chain& chain, TransferKind kind);

  /// A collective over the replicas in `group`, which includes the chain's rank.
  void collective(Chain& chain,
                  StreamKind stream,
                  GroupKind of,
                  const std::vector<int>& group,
                  const ReplicaCollective& what);

  /// A collective among the ranks that share a layer, or `fraction` of its bytes. An all-reduce of
  /// which no cost is known is the reduce-scatter and the all-gather that a ring makes of it.
  void collective(Chain& chain, const LayerCollective& what, double fraction = 1.0);

  /// A chunk's result to the same position of another pipeline rank.
  void boundary(Chain& chain, int to_rank);

  /// A point in time that needs all of `before`; it takes no time itself.
  Vertex meeting_point(const std::string& name, int slot, const std::vector<Vertex>& before);

  void depend(Vertex before, Vertex after);

 private:
  Vertex extend(Chain& chain, Node node);
  /// A communication that a rank repeats all through its step, always with the same group.
  struct Repeated {
    int traffic = -1;  // -1: nothing to send
    int group = -1;    // group_number()
  };
  Repeated repeated(int sim, Traffic traffic, const std::vector<int>& group);
  /// A phase of a collective, as the first of its members to be written sends it and as the others
  /// do.
  struct PhaseTraffic {
    int first = -1;
    int other = -1;
  };
  const std::vector<PhaseTraffic>& phases(int sim,
                                          GroupKind of,
                                          const std::vector<int>& group,
                                          const ReplicaCollective& what);
  const std::vector<int>& layer_group(int sim, CollectiveScope scope);
  void repeat(Chain& chain, const Repeated& what);
  void send(Chain& chain, StreamKind stream, int traffic, int rendezvous);
  int traffic_index(int sim, Traffic traffic);
  struct Meeting {
    int rendezvous = -1;   // -1: with nobody else that is simulated
    bool is_first = true;  // of its members to be written
  };
  Meeting meet(int sim, StreamKind stream, int group);
  int group_number(const std::vector<int>& group);

  const JobLayout& job_;
  OpGraph& graph_;
  std::optional<TrafficMaker> traffic_;  // once the graph has its ports
  std::map<std::pair<int, std::size_t>, std::vector<int>> traffics_;  // (sim, hash): equal are one
  std::map<std::vector<int>, int> groups_;                            // members -> number
  std::map<std::vector<int>, int> group_keys_;  // members -> in which order they were first used
  std::map<std::tuple<int, GroupKind, int, Collective, Bytes>, std::vector<PhaseTraffic>>
      phases_;  // (sim, , group key, , )
  std::map<std::pair<int, CollectiveScope>, std::vector<int>> layer_groups_;  // (sim, scope)
  std::map<std::map<int, int>, int> kinds_of_groups_;  // members of each class -> number
  std::map<std::tuple<int, TransferKind, bool>, Repeated> repeated_;  // sim, kind, shares_gpu
  std::map<std::pair<int, int>, int> boundaries_;                     // (sim, to rank) -> traffic
  std::map<std::tuple<int, StreamKind, int>, int> turns_;  // (sim, stream, group) -> meetings
  std::map<std::pair<StreamKind, int>, std::vector<int>> meetings_;  // (stream, group) -> by turn
  int rendezvous_ = 0;
};

}  // namespace towtank
