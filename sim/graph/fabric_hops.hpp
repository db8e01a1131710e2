// The fabric of a job as wires of its op graph, and the ways over it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/plan/group_layout.hpp"

namespace towtank {

/// A way over ports and the fabric's wires, class by class: how many shares of wires of a class one
/// flow takes, ascending. `wire` is into OpGraph::wires.
using FabricWay = std::vector<WireShare>;

class FabricHops {
 public:
  /// Appends a wire to `graph` for each class of the fabric's wires that can be full, and makes the
  /// ranks' ports what the fabric says. The ports must be there, since they come first. The job
  /// outlives this.
  FabricHops(const JobLayout& job, OpGraph& graph);

  /// From one rank to another over the network; empty without a fabric, where each has the one port
  /// that port_hops() knows.
  FabricWay way(int from_rank, int to_rank) const;

  /// Of the way from one rank to another over the fabric; zero where it is non-blocking.
  Seconds latency(int from_rank, int to_rank) const;

  /// The longest of the ways between a group's members at equal places of their nodes. An exchange
  /// of the group waits for its farthest members.
  Seconds longest(const GroupLayout& group) const;

 private:
  const FabricPath& between(int from_rank, int to_rank) const;

  const JobLayout& job_;
  std::vector<int> wire_of_class_;  // -1: it can never be full
};

/// Shares that all wires of a class carry together, of one of them. Throws BrokenClaim when that is
/// no whole number, InputError when it is more than can be counted.
int shares_of_one_wire(std::int64_t shares, std::int64_t wires);

/// The hops of `copies` flows of one class over ports and wires: each carries as many as all such
/// flows put on all wires of its class, divided among these. Throws BrokenClaim when that is no
/// whole number: then the classes are not those of an equitable partition.
std::vector<Hop> fabric_hops(const OpGraph& graph, const FabricWay& way, int source, int copies);

}  // namespace towtank
