// How far tokens travel to their experts when routing is balanced: expected copies per token.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/plan/mesh.hpp"

namespace towtank {

/// Expected copies of one token in one dispatch (a combine moves the same copies back). A token
/// crosses the network once to each remote node that holds any of its experts, landing on the GPU
/// of the sender's own place there, and is forwarded over NVLink to each further GPU that needs it
/// (DeepSeek-V3 report, section 3.2.2).
struct ExpertTraffic {
  double per_remote_node = 0;  // copies over the sender's NIC to each of the nodes - 1 others
  double per_local_peer =
      0;  // copies over NVLink to each of the local - 1 peers, forwarding included
};

/// Probability that a token visits at least one of `part` experts that lie together:
/// `groups_per_token` of the `groups` are eligible, and its `top_k` experts fall uniformly on the
/// eligible ones. `part` must be a multiple or a divisor of a group's experts.
double visit_probability(const ExpertLayer& moe, std::int64_t part);

/// The same for any run of experts that follow each other, of which each group may have some.
double visit_probability_of_run(const ExpertLayer& moe, std::int64_t first, std::int64_t count);

/// Whether expert_traffic() knows the group: its nodes have equally many members, and the router's
/// groups nest with what each node and each GPU holds, so that all are visited alike.
bool is_visited_evenly(const ExpertLayer& moe, const GroupShape& group);

/// Balanced traffic of an expert-parallel group that is_visited_evenly().
ExpertTraffic expert_traffic(const ExpertLayer& moe, const GroupShape& group);

/// Every copy goes to its expert's rank by itself, as in NCCL's all-to-all of permuted tokens:
/// top_k copies of a token, those for other nodes by way of the GPU at the receiver's place on the
/// sender's node (NCCL's PXN), so that each network card carries as much as any other.
ExpertTraffic separate_expert_traffic(const ExpertLayer& moe, const GroupShape& group);

/// Of any group whose ranks hold equally many experts, in order: the probabilities that a token
/// visits each rank and each node. Ranks and nodes that are visited alike have equal ones to the
/// last bit.
struct BalancedVisits {
  std::vector<double> of_ranks;
  std::vector<double> of_nodes;
};
BalancedVisits balanced_visits(const ExpertLayer& moe, const GroupShape& group);

}  // namespace towtank
