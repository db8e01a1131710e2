// What is asked for: a collective of GPUs that reach each other over NVLink inside a node and over
// their network cards between nodes.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

enum class Collective {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kBroadcast,
  kReduce,
  kAllToAll,
  kSendRecv,  // the first member to the second
};
inline constexpr std::array kCollectives = {Collective::kAllReduce,
                                            Collective::kAllGather,
                                            Collective::kReduceScatter,
                                            Collective::kBroadcast,
                                            Collective::kReduce,
                                            Collective::kAllToAll,
                                            Collective::kSendRecv};

/// "all-reduce", "all-gather", ...
std::string_view name(Collective kind);

/// A GPU that takes part. `node` is the NVLink domain it sits in (a rack, for NVL72), `place` its
/// rail: cards of equal place on different nodes hang on the same leaf switches.
struct Member {
  int gpu = 0;  // in the cluster
  int node = 0;
  int place = 0;
};

/// One call. `bytes` is nccl-tests' size: the larger of what a member gives and gets (all-reduce:
/// the tensor; all-gather: the gathered whole; all-to-all: all that one member gives).
struct CollectiveCall {
  Collective kind = Collective::kAllReduce;
  Bytes bytes;
  std::vector<Member> members;  // in the order of their ranks; those of a node stand together
  int root = 0;                 // of a broadcast or reduce: index of a member
};

/// `nodes` nodes with `per_node` members each: GPUs 0, 1, ... of a cluster with nodes that size.
std::vector<Member> even_members(int nodes, int per_node);

/// What busbw is to algbw (nccl-tests, doc/PERFORMANCE.md): the factor that makes the figure
/// comparable with a link's speed whatever the number of ranks.
double bus_factor(Collective kind, int ranks);

/// Members of one node, by their index in CollectiveCall::members, ascending.
struct NodeMembers {
  int node = 0;
  std::vector<int> members;
};

/// The members by node, nodes in order of their first member. Throws BrokenClaim when the members
/// of a node do not stand together.
std::vector<NodeMembers> by_node(const std::vector<Member>& members);

/// Fewest members on any node: the number of rails that every node can use.
int rails(const std::vector<NodeMembers>& nodes);

/// True when every node has as many members as the others.
bool even(const std::vector<NodeMembers>& nodes);

}  // namespace towtank
