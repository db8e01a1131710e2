// Collectives in which all members move at one rate: pipelined algorithms, whose slowest link paces
// all.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/collective/convoys.hpp"
#include "sim/graph/fabric_hops.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// The wires that equal convoys of a group fill together, of which one flow has the rate of each.
struct CoupledFlow {
  Medium medium = Medium::kNvlink;
  Bytes part;
  std::vector<Hop> hops;
  int sent = 0;     // parts that the rank of interest sends, in all of them
  Seconds latency;  // of the longest way over the fabric
};

/// One flow for all convoys of a group that fill as much of wires of the same classes, as `rank`, a
/// member, takes part in them. Folded, the wires of a class are one. Throws BrokenClaim when the
/// classes are not those of an equitable partition.
std::vector<CoupledFlow> coupled_flows(const JobLayout& job,
                                       const OpGraph& graph,
                                       const FabricHops& fabric,
                                       const std::vector<int>& group,
                                       int rank,
                                       const std::vector<Convoy>& convoys);

}  // namespace towtank
