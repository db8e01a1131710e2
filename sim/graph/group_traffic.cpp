#include "sim/graph/group_traffic.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace towtank {
namespace {

/// The members ascend.
int nodes_of(const Mesh& mesh, const std::vector<int>& group) {
  int nodes = 0;
  int last = -1;
  for (const int rank : group) {
    nodes += mesh.node(rank) != last ? 1 : 0;
    last = mesh.node(rank);
  }
  return nodes;
}

GroupSet pipelines(const JobLayout& job) {
  GroupSet result{.groups = job.plan.positions(), .ranks = job.plan.pipeline};
  std::vector<int> group(static_cast<std::size_t>(job.plan.pipeline));
  for (int position = 0; position < job.plan.positions(); ++position) {
    for (int pipeline = 0; pipeline < job.plan.pipeline; ++pipeline) {
      group[static_cast<std::size_t>(pipeline)] = job.mesh.rank(pipeline, position);
    }
    result.nodes = std::max(result.nodes, nodes_of(job.mesh, group));
  }
  return result;
}

/// Groups that hold every rank once.
template <typename GroupOf>
GroupSet whole_groups(const JobLayout& job, GroupOf group_of) {
  GroupSet result;
  for (int rank = 0; rank < job.mesh.ranks(); ++rank) {
    const std::vector<int> group = group_of(rank);
    if (group.front() == rank) {
      ++result.groups;
      result.ranks = static_cast<int>(group.size());
      result.nodes = std::max(result.nodes, nodes_of(job.mesh, group));
    }
  }
  return result;
}

/// Replicas of the stages that the same pipeline ranks hold.
GroupSet replicas(const JobLayout& job, GroupKind kind) {
  std::set<std::vector<int>> hosts;
  for (int stage = 0; stage < job.schedule.stages; ++stage) {
    hosts.insert(hosts_of_stage(job.schedule, stage));
  }
  const bool dense = kind == GroupKind::kDenseReplicas;
  const int different = dense ? job.plan.tensor : job.plan.expert * job.plan.expert_tensor;
  GroupSet result;
  for (const std::vector<int>& ranks : hosts) {
    result.groups += different;
    for (int place = 0; place < different; ++place) {
      const int first = job.mesh.rank(ranks.front(), place);
      const std::vector<int> group =
          dense ? job.mesh.dense_replicas(ranks, first) : job.mesh.expert_replicas(ranks, first);
      result.ranks = static_cast<int>(group.size());
      result.nodes = std::max(result.nodes, nodes_of(job.mesh, group));
    }
  }
  return result;
}

PortBytes& operator+=(PortBytes& sum, const PortBytes& more) {
  sum.nvlink += more.nvlink;
  sum.nic += more.nic;
  return sum;
}

PortBytes times(double factor, const PortBytes& bytes) {
  return {.nvlink = factor * bytes.nvlink, .nic = factor * bytes.nic};
}

PortBytes sent_in(const Traffic& traffic) {
  PortBytes sum;
  for (const Flow& flow : traffic.flows) {
    (flow.medium == Medium::kNvlink ? sum.nvlink : sum.nic) += flow.copies * flow.bytes;
  }
  return sum;
}

/// Of one simulated rank.
struct RankTraffic {
  double calls = 0.0;
  PortBytes sent;
};

using Kind = std::pair<GroupKind, TransferKind>;

/// Of each kind of communication, the collectives' algorithms and protocols: "ring simple", or
/// several.
std::map<Kind, std::string> how(const OpGraph& graph) {
  std::map<Kind, std::set<std::string>> all;
  for (const Traffic& traffic : graph.traffics) {
    if (!traffic.algorithm.empty()) {
      all[{traffic.group, traffic.kind}].insert(traffic.algorithm);
    }
  }
  std::map<Kind, std::string> result;
  for (const auto& [kind, algorithms] : all) {
    for (const std::string& algorithm : algorithms) {
      std::string& text = result[kind];
      text += (text.empty() ? "" : ", ") + algorithm;
    }
  }
  return result;
}

/// (simulated ranks) of each kind of communication. The members of a group that one of them leads
/// send as much as that one does.
std::map<Kind, std::vector<RankTraffic>> traffic_of_ranks(const OpGraph& graph) {
  std::vector<PortBytes> sent;
  sent.reserve(graph.traffics.size());
  for (const Traffic& traffic : graph.traffics) {
    sent.push_back(sent_in(traffic));
  }
  std::map<Kind, std::vector<RankTraffic>> result;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const Node& node = graph.dependencies[vertex];
    if (node.work != Node::Work::kTraffic) {
      continue;
    }
    const Traffic& traffic = graph.traffics[static_cast<std::size_t>(node.index)];
    if (traffic.flows.empty()) {
      continue;
    }
    std::vector<RankTraffic>& of_ranks = result[{traffic.group, traffic.kind}];
    of_ranks.resize(graph.ranks.size());
    RankTraffic& own = of_ranks[static_cast<std::size_t>(node.rank)];
    own.calls += 1.0;
    own.sent += sent[static_cast<std::size_t>(node.index)];
  }
  return result;
}

}  // namespace

GroupSet groups_of(const JobLayout& job, GroupKind kind) {
  const Mesh& mesh = job.mesh;
  switch (kind) {
    case GroupKind::kPipeline:
      return pipelines(job);
    case GroupKind::kExperts:
      return whole_groups(job, [&mesh](int rank) { return mesh.expert_group(rank); });
    case GroupKind::kContext:
      return whole_groups(job, [&mesh](int rank) { return mesh.context_group(rank); });
    case GroupKind::kTensor:
      return whole_groups(job, [&mesh](int rank) { return mesh.tensor_group(rank); });
    case GroupKind::kExpertTensor:
      return whole_groups(job, [&mesh](int rank) { return mesh.expert_tensor_group(rank); });
    case GroupKind::kExpertReplicas:
    case GroupKind::kDenseReplicas:
      break;
  }
  return replicas(job, kind);
}

std::vector<GroupTraffic> group_traffic(const JobLayout& job, const OpGraph& graph) {
  std::vector<GroupTraffic> result;
  const std::map<Kind, std::string> algorithms = how(graph);
  for (const auto& [kind, of_ranks] : traffic_of_ranks(graph)) {
    const auto [group, transfer] = kind;
    GroupTraffic traffic{.group = group, .transfer = transfer, .among = groups_of(job, group)};
    for (std::size_t rank = 0; rank < of_ranks.size(); ++rank) {
      const auto members = static_cast<double>(graph.ranks[rank].members);
      const RankTraffic& own = of_ranks[rank];
      traffic.calls += members * own.calls / job.mesh.ranks();
      traffic.total += times(members, own.sent);
      traffic.most.nvlink = std::max(traffic.most.nvlink, own.sent.nvlink);
      traffic.most.nic = std::max(traffic.most.nic, own.sent.nic);
    }
    traffic.mean = times(1.0 / job.mesh.ranks(), traffic.total);
    if (const auto found = algorithms.find(kind); found != algorithms.end()) {
      traffic.how = found->second;
    }
    result.push_back(traffic);
  }
  return result;
}

}  // namespace towtank
