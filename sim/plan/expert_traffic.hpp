// How far tokens travel to their experts when routing is balanced: expected copies per token.
#pragma once

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

/// Balanced traffic of an expert-parallel group of this shape.
ExpertTraffic expert_traffic(const ExpertLayer& moe, const GroupShape& group);

}  // namespace towtank
