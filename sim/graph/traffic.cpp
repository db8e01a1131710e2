#include "sim/graph/traffic.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

#include "sim/base/error.hpp"
#include "sim/plan/expert_traffic.hpp"

namespace towtank {
namespace {

constexpr Bytes kBf16{2.0};
/// FP8 and one FP32 scale per 128 elements (report, section 3.3.2).
constexpr Bytes kFp8WithScale{1.0 + 4.0 / 128.0};

}  // namespace

Peers peers(const Mesh& mesh, const std::vector<int>& group, int rank) {
  std::map<int, std::vector<int>> by_node;
  for (const int member : group) {
    by_node[mesh.node(member)].push_back(member);
  }
  const std::vector<int>& mine = by_node.at(mesh.node(rank));
  const auto place = std::ranges::find(mine, rank) - mine.begin();
  Peers result;
  result.nodes = static_cast<int>(by_node.size());
  std::ranges::copy_if(
      mine, std::back_inserter(result.local), [rank](int member) { return member != rank; });
  for (const auto& [node, members] : by_node) {
    check(members.size() == mine.size(), "a group has as many members on each of its nodes");
    if (node == mesh.node(rank)) {
      continue;
    }
    const int counterpart = members[static_cast<std::size_t>(place)];
    result.remote.push_back(counterpart);
    if (result.next_remote < 0 && node > mesh.node(rank)) {
      result.next_remote = counterpart;
    }
  }
  if (result.next_remote < 0 && !result.remote.empty()) {
    result.next_remote = result.remote.front();  // the ring closes
  }
  return result;
}

TrafficMaker::TrafficMaker(const Architecture& model,
                           const TrainingPlan& plan,
                           const Mesh& mesh,
                           const RankClasses& classes)
    : model_(model),
      plan_(plan),
      mesh_(mesh),
      classes_(classes),
      folded_(static_cast<int>(classes.representatives.size()) < mesh.ranks()) {}

Traffic TrafficMaker::experts(TransferKind kind, int rank, bool shares_gpu) const {
  const std::vector<int> group = mesh_.expert_group(rank);
  const ExpertTraffic copies = expert_traffic(model_.moe, group_shape(mesh_, group));
  const bool fp8 = kind == TransferKind::kDispatch && plan_.recipe.gemm == Precision::kFp8Block;
  const Bytes token = static_cast<double>(model_.hidden) * (fp8 ? kFp8WithScale : kBf16);
  const Bytes tokens = static_cast<double>(plan_.tokens_per_rank()) * token;
  const Peers to = peers(mesh_, group, rank);
  Traffic traffic{
      .name = std::string(name(kind)), .kind = kind, .shares_gpu = shares_gpu, .flows = {}};
  fan_out(rank, to.remote, Medium::kNic, tokens * copies.per_remote_node, traffic.flows);
  fan_out(rank, to.local, Medium::kNvlink, tokens * copies.per_local_peer, traffic.flows);
  return traffic;
}

Traffic TrafficMaker::boundary(int rank, int to) const {
  const double elements =
      static_cast<double>(plan_.tokens_per_rank()) * static_cast<double>(model_.hidden);
  const Medium medium = mesh_.node(rank) == mesh_.node(to) ? Medium::kNvlink : Medium::kNic;
  return {.name = "pipeline",
          .kind = TransferKind::kPointToPoint,
          .shares_gpu = true,
          .flows = {{.source = index(rank),
                     .destination = index(to),
                     .medium = medium,
                     .bytes = elements * kBf16,
                     .copies = 1}}};
}

Traffic TrafficMaker::context(TransferKind kind, int rank) const {
  const std::vector<int> group = mesh_.context_group(rank);
  const std::int64_t latent = model_.attention.key_value_rank + model_.attention.rope_head_dim;
  const Bytes own =
      static_cast<double>(plan_.tokens_per_rank()) * static_cast<double>(latent) * kBf16;
  const Peers to = peers(mesh_, group, rank);
  Traffic traffic{.name = "context", .kind = kind, .shares_gpu = false, .flows = {}};
  fan_out(rank, to.remote, Medium::kNic, own, traffic.flows);
  fan_out(rank, to.local, Medium::kNvlink, own * to.nodes, traffic.flows);
  return traffic;
}

Traffic TrafficMaker::ring(TransferKind kind,
                           int rank,
                           const std::vector<int>& group,
                           Bytes size) const {
  const Peers to = peers(mesh_, group, rank);
  const double local = static_cast<double>(to.local.size()) + 1.0;
  const Bytes part = size / local;
  Traffic traffic{.name = std::string(name(kind)), .kind = kind, .shares_gpu = true, .flows = {}};
  fan_out(rank, to.local, Medium::kNvlink, part, traffic.flows);
  if (to.nodes > 1) {
    fan_out(
        rank, {to.next_remote}, Medium::kNic, part * (to.nodes - 1.0) / to.nodes, traffic.flows);
  }
  return traffic;
}

void TrafficMaker::fan_out(int rank,
                           const std::vector<int>& destinations,
                           Medium medium,
                           Bytes each,
                           std::vector<Flow>& flows) const {
  if (destinations.empty() || each <= Bytes{}) {
    return;
  }
  if (!folded_) {
    for (const int destination : destinations) {
      flows.push_back({.source = index(rank),
                       .destination = index(destination),
                       .medium = medium,
                       .bytes = each,
                       .copies = 1});
    }
    return;
  }
  for (const int destination : destinations) {
    check(index(destination) == index(rank), "a folded group's members are alike");
  }
  flows.push_back({.source = index(rank),
                   .destination = index(rank),
                   .medium = medium,
                   .bytes = each,
                   .copies = static_cast<int>(destinations.size())});
}

int TrafficMaker::index(int rank) const {
  return classes_.class_of[static_cast<std::size_t>(rank)];
}

}  // namespace towtank
