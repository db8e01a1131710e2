#include "sim/graph/traffic.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/graph/coupled_flow.hpp"
#include "sim/graph/ports.hpp"
#include "sim/plan/dispatch_bytes.hpp"
#include "sim/plan/expert_traffic.hpp"
#include "sim/plan/group_layout.hpp"

namespace towtank {
namespace {

constexpr Bytes kBf16{2.0};

/// Of the keys and values that a token leaves, the part that one of `tensor` ranks needs: latents
/// are whole on each, heads are shared, and where there are fewer of them each has one.
std::int64_t key_value_width_of_rank(const Attention& attention, int tensor) {
  const std::int64_t width = key_value_width(attention);
  if (const auto* grouped = std::get_if<GroupedAttention>(&attention)) {
    return std::max(width / tensor, width / grouped->kv_heads);
  }
  return width;
}

}  // namespace

Traffic TrafficMaker::experts(TransferKind kind, int rank, bool shares_gpu) const {
  Traffic traffic{
      .name = std::string(name(kind)), .kind = kind, .shares_gpu = shares_gpu, .flows = {}};
  const std::vector<int> group = job_.mesh.expert_group(rank);
  const UnevenGroup* const uneven = job_.experts ? job_.experts->of(rank) : nullptr;
  if (uneven != nullptr) {
    uneven_experts(kind, rank, *uneven, group, traffic.flows);
    return traffic;
  }
  const GroupShape shape = group_shape(job_.mesh, group);
  const ExpertTraffic copies = job_.plan.forwards_in_node
                                   ? expert_traffic(job_.model.moe, shape)
                                   : separate_expert_traffic(job_.model.moe, shape);
  const Bytes token = kind == TransferKind::kDispatch
                          ? dispatched_copy(job_.plan.recipe, job_.model.hidden)
                          : combined_copy(job_.model.hidden);
  const Bytes tokens = static_cast<double>(job_.plan.own_tokens()) * token;
  const Peers to = GroupLayout(job_.mesh, group).peers(rank);
  fan_out(rank,
          to.remote,
          {Medium::kNic, tokens * copies.per_remote_node, longest(group)},
          traffic.flows);
  fan_out(rank, to.local, {Medium::kNvlink, tokens * copies.per_local_peer}, traffic.flows);
  return traffic;
}

/// What each pair sends; pairs that send as much go together.
void TrafficMaker::uneven_experts(TransferKind kind,
                                  int rank,
                                  const UnevenGroup& uneven,
                                  const std::vector<int>& group,
                                  std::vector<Flow>& flows) const {
  const PairBytes& pairs = kind == TransferKind::kDispatch ? uneven.dispatch : uneven.combine;
  const std::size_t place = job_.experts->place(rank);
  std::map<std::pair<Medium, Bytes>, std::vector<int>> destinations;
  for (std::size_t other = 0; other < group.size(); ++other) {
    destinations[{Medium::kNic, pairs.over_nic(place, other)}].push_back(group[other]);
    destinations[{Medium::kNvlink, pairs.over_nvlink(place, other)}].push_back(group[other]);
  }
  for (const auto& [what, to] : destinations) {
    const auto& [medium, bytes] = what;
    const Seconds latency = medium == Medium::kNic ? longest(group) : Seconds();
    fan_out(rank, to, {medium, bytes, latency}, flows);
  }
}

Traffic TrafficMaker::boundary(int rank, int to) const {
  // Tensor ranks send a part each: with sequence parallelism they have no more, and without it all
  // have all (Megatron-LM's scatter-gather of pipeline transfers, arXiv 2104.04473, section 4.1).
  const double elements = static_cast<double>(job_.plan.tokens_per_rank()) / job_.plan.tensor *
                          static_cast<double>(job_.model.hidden);
  const bool near = job_.mesh.node(rank) == job_.mesh.node(to);
  Traffic traffic{.name = "pipeline",
                  .kind = TransferKind::kPointToPoint,
                  .shares_gpu = true,
                  .flows = {},
                  .group = GroupKind::kPipeline};
  const Fan fan = near ? Fan{Medium::kNvlink, elements * kBf16}
                       : Fan{Medium::kNic, elements * kBf16, fabric_.latency(rank, to)};
  fan_out(rank, {to}, fan, traffic.flows);
  return traffic;
}

Traffic TrafficMaker::context(TransferKind kind, int rank) const {
  const std::vector<int> group = job_.mesh.context_group(rank);
  const std::int64_t width = key_value_width_of_rank(job_.model.attention, job_.plan.tensor);
  const Bytes own =
      static_cast<double>(job_.plan.tokens_per_rank()) * static_cast<double>(width) * kBf16;
  const GroupLayout layout(job_.mesh, group);
  const Peers to = layout.peers(rank);
  Traffic traffic{.name = "context",
                  .kind = kind,
                  .shares_gpu = false,
                  .flows = {},
                  .group = GroupKind::kContext};
  const bool gathers = kind == TransferKind::kAllGather;
  fan_out(
      rank, gathers ? to.remote : to.landing, {Medium::kNic, own, longest(group)}, traffic.flows);
  // Of the GPU at one end of the NVLink, and of all that land there.
  std::map<int, std::vector<int>> shares;
  for (const int other : to.local) {
    shares[1 + layout.landings(gathers ? rank : other)].push_back(other);
  }
  for (const auto& [count, others] : shares) {
    fan_out(rank, others, {Medium::kNvlink, own * count}, traffic.flows);
  }
  return traffic;
}

std::vector<Traffic> TrafficMaker::collective(TransferKind kind,
                                              GroupKind of,
                                              int rank,
                                              const std::vector<int>& group,
                                              const TunedCollective& tuned) const {
  std::vector<Traffic> traffics;
  traffics.reserve(tuned.phases.size());
  for (const TunedPhase& phase : tuned.phases) {
    check(phase.convoys.empty() || phase.pairs.empty(),
          "a phase is led by one member, or everybody sends");
    Traffic& traffic = traffics.emplace_back();
    traffic.name = std::string(name(kind));
    traffic.kind = kind;
    traffic.shares_gpu = true;
    traffic.group = of;
    traffic.algorithm = std::string(name(tuned.algorithm));
    if (tuned.cost) {
      traffic.algorithm += " " + std::string(name(tuned.cost->protocol));
      traffic.cost = CollectiveCost{.delay = phase.delay,
                                    .nvlink = tuned.cost->nvlink,
                                    .nic = tuned.cost->nic,
                                    .error = tuned.cost->error};
    }
    convoys(rank, group, phase, traffic.flows);
    pairs(rank, group, phase, traffic.flows);
  }
  return traffics;
}

void TrafficMaker::convoys(int rank,
                           const std::vector<int>& group,
                           const TunedPhase& phase,
                           std::vector<Flow>& flows) const {
  for (CoupledFlow& flow : coupled_flows(job_, graph_, fabric_, group, rank, phase.convoys)) {
    const GpuLink& link = flow.medium == Medium::kNic ? job_.cluster.nic : job_.cluster.nvlink;
    flows.push_back({.source = index(rank),
                     .destination = index(rank),
                     .medium = flow.medium,
                     .bytes = flow.part,
                     .copies = flow.sent,
                     .is_convoy = true,
                     .hops = std::move(flow.hops),
                     .latency = link.latency + flow.latency});
  }
}

void TrafficMaker::pairs(int rank,
                         const std::vector<int>& group,
                         const TunedPhase& phase,
                         std::vector<Flow>& flows) const {
  std::map<std::pair<Medium, Bytes>, std::vector<int>> destinations;
  Seconds latency;
  for (const Delivery& pair : phase.pairs) {
    const int from = group[static_cast<std::size_t>(pair.from)];
    const int to = group[static_cast<std::size_t>(pair.to)];
    if (pair.medium == Medium::kNic) {
      latency = std::max(latency, fabric_.latency(from, to));
    }
    if (from == rank) {
      destinations[{pair.medium, pair.bytes}].push_back(to);
    }
  }
  for (const auto& [what, to] : destinations) {
    const auto& [medium, bytes] = what;
    fan_out(rank, to, {medium, bytes, medium == Medium::kNic ? latency : Seconds()}, flows);
  }
}

void TrafficMaker::fan_out(int rank,
                           const std::vector<int>& destinations,
                           const Fan& fan,
                           std::vector<Flow>& flows) const {
  if (fan.each <= Bytes{}) {
    return;
  }
  const bool over_network = fan.medium == Medium::kNic;
  std::map<std::pair<int, FabricWay>, int> copies;  // to each class by each kind of way
  for (const int destination : destinations) {
    ++copies[{index(destination), over_network ? fabric_.way(rank, destination) : FabricWay()}];
  }
  const GpuLink& link = over_network ? job_.cluster.nic : job_.cluster.nvlink;
  for (const auto& [there, count] : copies) {
    const auto& [destination, way] = there;
    flows.push_back({.source = index(rank),
                     .destination = destination,
                     .medium = fan.medium,
                     .bytes = fan.each,
                     .copies = count,
                     .hops = way.empty()
                                 ? port_hops(graph_, index(rank), destination, fan.medium, count)
                                 : fabric_hops(graph_, way, index(rank), count),
                     .latency = link.latency + fan.latency});
  }
}

Seconds TrafficMaker::longest(const std::vector<int>& group) const {
  if (job_.fabric == nullptr) {
    return {};
  }
  const auto [entry, is_new] = longest_.try_emplace(group);
  if (is_new) {
    entry->second = fabric_.longest(GroupLayout(job_.mesh, group));
  }
  return entry->second;
}

int TrafficMaker::index(int rank) const {
  return job_.classes.ranks.class_of[static_cast<std::size_t>(rank)];
}

}  // namespace towtank
