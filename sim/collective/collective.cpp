#include "sim/collective/collective.hpp"

#include <algorithm>
#include <set>

#include "sim/base/error.hpp"

namespace towtank {

std::string_view name(Collective kind) {
  constexpr std::array<std::string_view, kCollectives.size()> kNames = {"all-reduce",
                                                                        "all-gather",
                                                                        "reduce-scatter",
                                                                        "broadcast",
                                                                        "reduce",
                                                                        "all-to-all",
                                                                        "send-recv"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::vector<Member> even_members(int nodes, int per_node) {
  std::vector<Member> members;
  members.reserve(static_cast<std::size_t>(nodes) * static_cast<std::size_t>(per_node));
  for (int node = 0; node < nodes; ++node) {
    for (int place = 0; place < per_node; ++place) {
      members.push_back({.gpu = node * per_node + place, .node = node, .place = place});
    }
  }
  return members;
}

double bus_factor(Collective kind, int ranks) {
  const double others = ranks - 1.0;
  switch (kind) {
    case Collective::kAllReduce:
      return 2.0 * others / ranks;
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
      return others / ranks;
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kSendRecv:
      break;
  }
  return 1.0;
}

std::vector<NodeMembers> by_node(const std::vector<Member>& members) {
  std::vector<NodeMembers> nodes;
  std::set<int> seen;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (nodes.empty() || nodes.back().node != members[i].node) {
      check(seen.insert(members[i].node).second, "members of one node stand together");
      nodes.push_back({.node = members[i].node, .members = {}});
    }
    nodes.back().members.push_back(static_cast<int>(i));
  }
  return nodes;
}

int rails(const std::vector<NodeMembers>& nodes) {
  std::size_t fewest = nodes.empty() ? 0 : nodes.front().members.size();
  for (const NodeMembers& node : nodes) {
    fewest = std::min(fewest, node.members.size());
  }
  return static_cast<int>(fewest);
}

bool even(const std::vector<NodeMembers>& nodes) {
  return std::ranges::all_of(nodes, [&nodes](const NodeMembers& node) {
    return node.members.size() == nodes.front().members.size();
  });
}

}  // namespace towtank
