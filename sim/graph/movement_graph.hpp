// Lowers collectives that run at the same time to an op graph.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/graph/fabric_wires.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/movement_job.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Which phase of which group a traffic of the graph is.
struct GroupPhase {
  int group = 0;  // the first of the groups that are alike
  int phase = 0;
  bool is_host_copies = false;  // instead of a phase
};

struct MovementGraph {
  OpGraph graph;
  std::vector<GroupPhase> traffics;  // (traffics of the graph)
  std::int64_t ranks = 0;            // that the graph's stand for
};

/// The graph of groups that all begin together; `fabric` is null where the network is non-blocking.
///
/// - A phase of a group is one traffic with the flows of all its members: they begin together, and
///   the group's next phase begins when the last has ended. Its members' host copies are one more
///   traffic, which waits for nothing and for which nothing waits.
/// - A convoy is one flow for each medium, over the ports and wires of all its links, each as often
///   as it carries parts.
/// - Other deliveries, and those of exchanges, are a flow for each class of receivers and ways.
///
/// Folded, a rank, a wire and a group stand for all that are alike. Memory is linear in members,
/// but for the classes that send to each other. Throws InputError as movement_relations(), and when
/// more than kMostPairs flows are left.
MovementGraph lower_movements(const Cluster& cluster,
                              FabricWires* fabric,
                              std::span<const GroupMovement> groups,
                              Folding folding);

}  // namespace towtank
