// The classes of the ranks and wires of some collectives, and what a flow between two of them
// fills.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sim/graph/job_layout.hpp"
#include "sim/graph/movement_job.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/graph/same_ways.hpp"

namespace towtank {

/// Ports and wires of a graph, by index, with the parts of a flow that go through them; ascending,
/// none twice.
using Way = std::vector<std::pair<int, std::int64_t>>;

/// Members are named by their group and their number in it; a negative number is a switch that is
/// never full (see Delivery).
class MovementWays {
 public:
  /// Finds the classes, and adds to `graph`, which is empty, a rank for each of them, their ports,
  /// and the wires of the fabric that can be full. The job outlives this. Throws as
  /// movement_relations().
  MovementWays(MovementJob& job, Folding folding, OpGraph& graph);

  /// All of a flow is so many parts.
  std::int64_t parts() const { return parts_; }

  /// The graph's rank that stands for a member.
  int sim(std::size_t group, int member) const { return sim_of_[at(job_.rank(group, member))]; }

  /// Whether it is the first of all members that its class stands for.
  bool is_first(std::size_t group, int member) const {
    return firsts_[at(sim(group, member))] == job_.rank(group, member);
  }

  /// Of a member's copy to or from its host's memory.
  Way of_host_copy(std::size_t group, const HostCopy& copy) const;

  /// Of one flow between members.
  Way between(std::size_t group, int from, int to, Medium medium) const;

  /// Of all links of a convoy together.
  Way of_convoy(std::size_t group, const Convoy& convoy) const;

  /// Equal numbers: members of an exchange over the network that are reached over the same wires.
  int receiving(std::size_t group, const Exchange& exchange, int member) const;

 private:
  static std::size_t at(int index) { return static_cast<std::size_t>(index); }

  void keep_everything();
  void follow_phase(std::size_t group, std::size_t phase);
  void follow_host_copies(std::size_t group);
  void add_shares(const FabricPath& path, std::int64_t times, Way& way) const;
  void fold();
  void add_ranks(OpGraph& graph);
  void add_wires(OpGraph& graph);

  MovementJob& job_;
  std::int64_t parts_ = 1;
  std::vector<int> sim_of_;  // (ranks of the job)
  std::vector<int> firsts_;  // (ranks of the graph): the lowest rank of the job in each
  Partition wires_;          // of the fabric
  std::vector<bool> can_be_full_;
  std::vector<int> wire_of_class_;  // -1: it can never be full
  std::optional<SameWays> same_ways_;
};

}  // namespace towtank
