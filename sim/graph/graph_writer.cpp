#include "sim/graph/graph_writer.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <boost/functional/hash.hpp>

#include "sim/base/error.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// Equal for equal traffics.
std::size_t hash_of(const Traffic& traffic) {
  std::size_t hash = static_cast<std::size_t>(traffic.kind) * 2 + (traffic.shares_gpu ? 1U : 0U);
  for (const Flow& flow : traffic.flows) {
    boost::hash_combine(hash, flow.destination);
    boost::hash_combine(hash, flow.bytes.si());
    boost::hash_combine(hash, flow.copies);
    for (const Hop& hop : flow.hops) {
      boost::hash_combine(hash, hop.wire);
      boost::hash_combine(hash, hop.times);
    }
  }
  return hash;
}

/// Whether one member's flows are those of the whole group.
bool moves_at_one_pace(const Traffic& traffic) {
  return std::ranges::any_of(traffic.flows, [](const Flow& flow) { return flow.is_convoy; });
}

TransferKind transfer_kind(Collective kind) {
  if (kind == Collective::kAllReduce) {
    return TransferKind::kAllReduce;
  }
  return kind == Collective::kAllGather ? TransferKind::kAllGather : TransferKind::kReduceScatter;
}

}  // namespace

GraphWriter::GraphWriter(const JobLayout& job, OpGraph& graph) : job_(job), graph_(graph) {
  for (std::size_t i = 0; i < job.classes.ranks.representatives.size(); ++i) {
    const int rank = job.classes.ranks.representatives[i];
    graph_.ranks.push_back({.rank = rank,
                            .pipeline = job.mesh.pipeline(rank),
                            .members = job.classes.ranks.members[i]});
    graph_.streams.emplace_back();
  }
  graph_.stack = job.plan.stack;
  add_ports(job.cluster, graph_);
  traffic_.emplace(job, graph_);
}

int GraphWriter::add_slot(SlotLabel label) {
  graph_.slots.push_back(label);
  return static_cast<int>(graph_.slots.size()) - 1;
}

int GraphWriter::add_segment(Segment segment) {
  graph_.segments.push_back(std::move(segment));
  return static_cast<int>(graph_.segments.size()) - 1;
}

Vertex GraphWriter::compute(Chain& chain, int segment) {
  return extend(chain,
                {.work = Node::Work::kSegment,
                 .index = segment,
                 .rank = chain.sim,
                 .stream = StreamKind::kCompute,
                 .slot = chain.slot,
                 .rendezvous = -1});
}

Vertex GraphWriter::last_kernel(int sim) const {
  return graph_.streams[at(sim)][static_cast<std::size_t>(StreamKind::kCompute)].back();
}

std::optional<Vertex> GraphWriter::newest_kernel(int sim) const {
  const auto& kernels = graph_.streams[at(sim)][static_cast<std::size_t>(StreamKind::kCompute)];
  return kernels.empty() ? std::nullopt : std::optional(kernels.back());
}

void GraphWriter::experts(Chain& chain, TransferKind kind, bool shares_gpu) {
  const auto [entry, is_new] = repeated_.try_emplace({chain.sim, kind, shares_gpu});
  if (is_new) {
    const int own = rank(chain.sim);
    entry->second =
        repeated(chain.sim, traffic_->experts(kind, own, shares_gpu), job_.mesh.expert_group(own));
  }
  repeat(chain, entry->second);
}

void GraphWriter::context(Chain& chain, TransferKind kind) {
  const auto [entry, is_new] = repeated_.try_emplace({chain.sim, kind, false});
  if (is_new) {
    const int own = rank(chain.sim);
    entry->second = repeated(chain.sim, traffic_->context(kind, own), job_.mesh.context_group(own));
  }
  repeat(chain, entry->second);
}

void GraphWriter::collective(Chain& chain,
                             StreamKind stream,
                             GroupKind of,
                             const std::vector<int>& group,
                             const ReplicaCollective& what) {
  const int number = group_number(group);
  for (const PhaseTraffic& phase : phases(chain.sim, of, group, what)) {
    const Meeting meeting = meet(chain.sim, stream, number);
    send(chain, stream, meeting.is_first ? phase.first : phase.other, meeting.rendezvous);
  }
}

void GraphWriter::collective(Chain& chain, const LayerCollective& what, double fraction) {
  const bool experts = what.scope == CollectiveScope::kExpertTensor;
  const bool in_two = what.kind == Collective::kAllReduce && !job_.tuner->has_costs();
  const std::vector<Collective> kinds =
      in_two ? std::vector{Collective::kReduceScatter, Collective::kAllGather}
             : std::vector{what.kind};
  for (const Collective kind : kinds) {
    collective(chain,
               StreamKind::kTensor,
               experts ? GroupKind::kExpertTensor : GroupKind::kTensor,
               layer_group(chain.sim, what.scope),
               {.kind = kind, .bytes = fraction * what.bytes});
  }
}

const std::vector<int>& GraphWriter::layer_group(int sim, CollectiveScope scope) {
  const auto [entry, is_new] = layer_groups_.try_emplace({sim, scope});
  if (is_new) {
    entry->second = scope == CollectiveScope::kExpertTensor
                        ? job_.mesh.expert_tensor_group(rank(sim))
                        : job_.mesh.tensor_group(rank(sim));
  }
  return entry->second;
}

const std::vector<GraphWriter::PhaseTraffic>& GraphWriter::phases(int sim,
                                                                  GroupKind of,
                                                                  const std::vector<int>& group,
                                                                  const ReplicaCollective& what) {
  const int key =
      group_keys_.try_emplace(group, static_cast<int>(group_keys_.size())).first->second;
  const auto [entry, is_new] = phases_.try_emplace({sim, of, key, what.kind, what.bytes});
  if (is_new) {
    const TunedCollective& tuned =
        job_.tuner->tune(what.kind, what.bytes, members_of(job_.mesh, group, job_.first_gpu));
    for (Traffic& traffic :
         traffic_->collective(transfer_kind(what.kind), of, rank(sim), group, tuned)) {
      PhaseTraffic phase{.first = traffic_index(sim, traffic), .other = -1};
      traffic.led_by_another = moves_at_one_pace(traffic);
      phase.other = traffic.led_by_another ? traffic_index(sim, std::move(traffic)) : phase.first;
      entry->second.push_back(phase);
    }
  }
  return entry->second;
}

void GraphWriter::boundary(Chain& chain, int to_rank) {
  const int own = rank(chain.sim);
  const bool onwards = job_.mesh.pipeline(to_rank) > job_.mesh.pipeline(own);
  const auto [entry, is_new] = boundaries_.try_emplace({chain.sim, to_rank}, -1);
  if (is_new) {
    entry->second = traffic_index(chain.sim, traffic_->boundary(own, to_rank));
  }
  send(chain, onwards ? StreamKind::kNext : StreamKind::kPrevious, entry->second, -1);
}

Vertex GraphWriter::meeting_point(const std::string& name,
                                  int slot,
                                  const std::vector<Vertex>& before) {
  graph_.traffics.push_back(
      {.name = name, .kind = TransferKind::kAllGather, .shares_gpu = false, .flows = {}});
  Chain chain{.sim = 0, .slot = slot, .last = std::nullopt, .waits = before};
  return extend(chain,
                {.work = Node::Work::kTraffic,
                 .index = static_cast<int>(graph_.traffics.size()) - 1,
                 .rank = 0,
                 .stream = StreamKind::kData,
                 .slot = slot,
                 .rendezvous = -1});
}

void GraphWriter::depend(Vertex before, Vertex after) {
  boost::add_edge(before, after, graph_.dependencies);
}

Vertex GraphWriter::extend(Chain& chain, Node node) {
  const Vertex vertex = boost::add_vertex(node, graph_.dependencies);
  graph_.streams[at(node.rank)][static_cast<std::size_t>(node.stream)].push_back(vertex);
  if (chain.last) {
    depend(*chain.last, vertex);
  }
  for (const Vertex before : chain.waits) {
    depend(before, vertex);
  }
  chain.waits.clear();
  chain.last = vertex;
  return vertex;
}

GraphWriter::Repeated GraphWriter::repeated(int sim,
                                            Traffic traffic,
                                            const std::vector<int>& group) {
  if (traffic.flows.empty()) {
    return {};
  }
  return {.traffic = traffic_index(sim, std::move(traffic)), .group = group_number(group)};
}

void GraphWriter::repeat(Chain& chain, const Repeated& what) {
  if (what.traffic >= 0) {
    const Meeting meeting = meet(chain.sim, StreamKind::kExpert, what.group);
    send(chain, StreamKind::kExpert, what.traffic, meeting.rendezvous);
  }
}

void GraphWriter::send(Chain& chain, StreamKind stream, int traffic, int rendezvous) {
  extend(chain,
         {.work = Node::Work::kTraffic,
          .index = traffic,
          .rank = chain.sim,
          .stream = stream,
          .slot = chain.slot,
          .rendezvous = rendezvous});
}

int GraphWriter::traffic_index(int sim, Traffic traffic) {
  std::vector<int>& alike = traffics_[{sim, hash_of(traffic)}];
  for (const int index : alike) {
    if (graph_.traffics[at(index)] == traffic) {
      return index;
    }
  }
  alike.push_back(static_cast<int>(graph_.traffics.size()));
  graph_.traffics.push_back(std::move(traffic));
  return alike.back();
}

/// Groups with equally many members of each class are one; -1 where one simulated rank would meet
/// nobody else.
int GraphWriter::group_number(const std::vector<int>& group) {
  const auto [entry, is_new] = groups_.try_emplace(group, -1);
  if (is_new) {
    std::map<int, int> members_of_class;
    for (const int member : group) {
      ++members_of_class[sim_of(member)];
    }
    if (members_of_class.size() > 1) {
      entry->second =
          kinds_of_groups_
              .try_emplace(std::move(members_of_class), static_cast<int>(kinds_of_groups_.size()))
              .first->second;
    }
  }
  return entry->second;
}

/// Members of a group meet for the n-th time on a stream.
GraphWriter::Meeting GraphWriter::meet(int sim, StreamKind stream, int group) {
  if (group < 0) {
    return {};
  }
  const auto turn = static_cast<std::size_t>(turns_[{sim, stream, group}]++);
  std::vector<int>& rendezvous = meetings_[{stream, group}];
  const bool is_first = turn == rendezvous.size();
  if (is_first) {
    rendezvous.push_back(rendezvous_++);
  }
  return {.rendezvous = rendezvous.at(turn), .is_first = is_first};
}

}  // namespace towtank
