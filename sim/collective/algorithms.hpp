// The algorithms: what each moves for a call. Pure counting; choose.hpp says which one is taken.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"

namespace towtank {

enum class Algorithm {
  kRing,             // around the nodes, as many rings as every node has members
  kTree,             // a chain in each node, a binary tree of nodes for each rail
  kDoubleTree,       // two trees of nodes with half of the bytes each, inner nodes of one are
                     // leaves of the other (Sanders, Speck and Traeff, 2009)
  kHalvingDoubling,  // log2(n) steps of pairs
  kInSwitch,         // the NVSwitch adds and copies (NVLS), one node
  kInSwitchTree,     // the same in every node, a double tree between them (NVLSTree)
  kInNetwork,        // the same in every node, the network's switches add between them (SHARP)
  kHierarchical,     // two-level: in the node, then by rail between the nodes
  kDirect,           // every pair by itself; the one pair of send-recv
};
inline constexpr std::array kAlgorithms = {Algorithm::kRing,
                                           Algorithm::kTree,
                                           Algorithm::kDoubleTree,
                                           Algorithm::kHalvingDoubling,
                                           Algorithm::kInSwitch,
                                           Algorithm::kInSwitchTree,
                                           Algorithm::kInNetwork,
                                           Algorithm::kHierarchical,
                                           Algorithm::kDirect};

/// "ring", "double-tree", "in-switch", ...
std::string_view name(Algorithm algorithm);

/// Why the algorithm cannot run this call, in words for people; empty when it can. Whether the
/// hardware has in-switch reduction is not asked here.
std::string why_not(Algorithm algorithm, const CollectiveCall& call);

/// What the algorithm moves. BrokenClaim when why_not() has a reason. A call of one member, or of
/// no bytes, moves nothing and may have no phases.
Movement movement(Algorithm algorithm, const CollectiveCall& call);

/// Expert-parallel dispatch or combine with node-limited routing: a token crosses the network once
/// to each remote node that needs it, on its sender's rail, and goes on from there over NVLink.
/// Without duplicates the bytes are expected copies times the bytes of a copy (for uniform routing
/// see sim/plan/expert_traffic.hpp): from each member to the rail's member on each other node, and
/// to each other member of its node, forwarding included.
struct ExpertBytes {
  Bytes to_remote_node;
  Bytes to_local_peer;
};

/// Why these members cannot exchange by rails: nodes of different sizes. Empty when they can.
std::string why_not_by_rails(const std::vector<Member>& members);

/// Both media flow at once, as the kernels pipeline them; the combine moves the same, backwards.
/// BrokenClaim when why_not_by_rails() has a reason.
Movement expert_exchange(const std::vector<Member>& members, const ExpertBytes& bytes);

}  // namespace towtank
