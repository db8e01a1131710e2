#include "sim/graph/training_relations.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/base/vocabulary.hpp"
#include "sim/collective/convoys.hpp"
#include "sim/graph/group_ways.hpp"
#include "sim/graph/parameter_buckets.hpp"
#include "sim/graph/replica_collectives.hpp"
#include "sim/graph/unit_segments.hpp"
#include "sim/plan/group_layout.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// Numbers distinct keys in the order in which they first appear.
template <typename Key>
class Numbering {
 public:
  int number(const Key& key) {
    return numbers_.try_emplace(key, static_cast<int>(numbers_.size())).first->second;
  }

 private:
  std::map<Key, int> numbers_;
};

/// A program without its directions.
std::vector<int> signature(const Program& program) {
  std::vector<int> words;
  const auto write = [&words](const Chunk& chunk) {
    words.insert(words.end(), {static_cast<int>(chunk.pass), chunk.stage, chunk.micro_batch});
  };
  for (const Slot& slot : program) {
    write(slot.chunk);
    if (slot.overlapped) {
      write(*slot.overlapped);
    }
    words.push_back(-1);
  }
  return words;
}

/// Relations of different kinds, and of different stages.
enum class Relation {
  kExperts,
  kContext,
  kDenseReplicas,
  kExpertReplicas,
  kOnwards,
  kBack,
  kTensor,
  kExpertTensor
};

/// What the ranks that share layers' columns run in a step, each size once. Of balanced experts:
/// sizes change how late a collective is, not who takes part.
ReplicaCollectives layer_collectives(const JobLayout& job, CollectiveScope scope) {
  std::set<Unit> units;
  for (const Stage& stage : job.stages) {
    units.insert(stage.units.begin(), stage.units.end());
  }
  const TokenShard shard = job.plan.token_shard(job.model.moe.experts, job.model.moe.top_k);
  std::set<LayerCollective> distinct;
  for (const Unit& unit : units) {
    for (const LayerCollective& what : collectives_of(unit, job.model, shard, job.plan.recipe)) {
      if (what.scope == scope) {
        distinct.insert(what);
      }
    }
  }
  ReplicaCollectives result;
  for (const LayerCollective& what : distinct) {
    result.of_parameters.push_back({.kind = what.kind, .bytes = what.bytes});
  }
  return result;
}

/// Writes the relations of a training step down, group by group.
class RelationWriter {
 public:
  explicit RelationWriter(const JobLayout& job)
      : job_(job),
        mesh_(job.mesh),
        schedule_(job.schedule),
        cluster_(job.cluster),
        experts_(job.experts ? &*job.experts : nullptr),
        fabric_(job.fabric.get()),
        first_gpu_(job.first_gpu),
        motions_(*job.tuner) {}

  RankRelations write() {
    relations_.attributes = rank_attributes(job_);
    tell_ports_apart();
    relations_.sendings.reserve(at(mesh_.ranks()) * expected_sendings());
    for (int stage = 0; stage < schedule_.stages; ++stage) {
      write_pipeline_neighbours(stage);
      write_replicas(stage);
    }
    write_token_groups();
    write_wires();
    return std::move(relations_);
  }

 private:
  /// Of one rank, about: with everybody on its node and with every node of its expert group, and
  /// with its pipeline neighbours.
  std::size_t expected_sendings() const {
    const GroupLayout experts(mesh_, mesh_.expert_group(0));
    constexpr std::size_t kNeighbours = 4;
    return at(cluster_.gpus_per_node) + experts.nodes() + kNeighbours;
  }

  /// Activations go from `stage` to the next, at equal positions, and their gradients back.
  void write_pipeline_neighbours(int stage) {
    if (stage + 1 == schedule_.stages) {
      return;
    }
    for (int direction = 0; direction < schedule_.directions; ++direction) {
      const int from = rank_of(schedule_, stage, direction);
      const int to = rank_of(schedule_, stage + 1, direction);
      for (int rank = mesh_.rank(from, 0); rank < mesh_.rank(from + 1, 0); ++rank) {
        const int next = mesh_.rank(to, mesh_.position(rank));
        const Medium medium = mesh_.node(rank) == mesh_.node(next) ? Medium::kNvlink : Medium::kNic;
        for (const auto& [relation, ends] : {std::pair(Relation::kOnwards, std::pair(rank, next)),
                                             std::pair(Relation::kBack, std::pair(next, rank))}) {
          const Seconds latency = add_sending(relation, stage, medium, ends.first, ends.second);
          arrives_after(latency, relations_.sendings.back().label);
        }
      }
    }
  }

  /// Those who hold the same parameters of a stage.
  void write_replicas(int stage) {
    write_replicas(stage, Relation::kDenseReplicas, GroupKind::kDenseReplicas);
    write_replicas(stage, Relation::kExpertReplicas, GroupKind::kExpertReplicas);
  }

  void write_replicas(int stage, Relation relation, GroupKind kind) {
    const std::vector<int> hosts = hosts_of_stage(schedule_, stage);
    const bool dense = kind == GroupKind::kDenseReplicas;
    const int stride = dense ? job_.plan.tensor : job_.plan.expert * job_.plan.expert_tensor;
    const bool in_parts = job_.plan.shard > 0 && job_.plan.zero_stage > 0;
    for (int place = 0; place < stride; ++place) {
      const int first = mesh_.rank(hosts.front(), place);
      std::vector<int> members = {first};
      if (in_parts) {
        members = dense ? mesh_.dense_replicas(hosts, first) : mesh_.expert_replicas(hosts, first);
      }
      // Of each part its first member, who stands for those that share it, and of the first part
      // every one, for the copies of its shard.
      const int run = job_.plan.shard * job_.plan.tensor / stride;
      const auto per_part = static_cast<std::size_t>(std::max(run, 1));
      std::set<std::vector<int>> written;
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (in_parts && i >= per_part && i % per_part != 0) {
          continue;
        }
        const int member = members[i];
        for (const ReplicaGroup& group : collectives_of_stage(job_, stage, member, kind)) {
          if (written.insert(group.ranks).second) {
            write_collectives(relation, stage, group.ranks, group.collectives);
          }
        }
      }
    }
  }

  /// Members start and end together.
  void write_collectives(Relation relation,
                         int stage,
                         const std::vector<int>& members,
                         const ReplicaCollectives& collectives) {
    const std::size_t first = relations_.memberships.size();
    add_group(relation, stage, members);
    const int together = relations_.groups - 1;
    const GroupMotion& motion = motions_.of(collectives, members_of(mesh_, members, first_gpu_));
    Seconds longest;
    for (const GroupConvoy& convoy : motion.convoys) {
      longest = std::max(longest, write_convoy(relation, stage, members, convoy, together));
    }
    for (const GroupPairs& pairs : motion.pairs) {
      longest = std::max(longest, write_pairs(relation, stage, members, pairs));
    }
    // What collectives cost includes the way; where that is not known, farther groups are later.
    for (std::size_t i = first; !job_.tuner->has_costs() && i < relations_.memberships.size();
         ++i) {
      arrives_after(longest, relations_.memberships[i].label);
    }
  }

  /// All links of a convoy move at one pace, so that its members feel the group and no neighbour,
  /// by the part that they have in it; who sends to whom matters to the fabric's wires alone.
  /// Returns the latency of the longest way over the fabric.
  Seconds write_convoy(Relation relation,
                       int stage,
                       const std::vector<int>& members,
                       const GroupConvoy& moved,
                       int together) {
    const Convoy& convoy = moved.convoy;
    const double kind = label(relation, stage, convoy.medium);
    const double number = moved.number;
    const int group = moved.even ? together : relations_.groups++;
    const ConvoyParts parts = moved.even ? ConvoyParts() : parts_of_members(convoy, members.size());
    for (std::size_t i = 0; i < parts.sent.size(); ++i) {
      if (parts.sent[i] > 0 || parts.received[i] > 0) {
        const double sent = parts.sent[i];
        const double received = parts.received[i];
        relations_.memberships.push_back({.label = further_label({kind, number, sent, received}),
                                          .group = group,
                                          .rank = members[i]});
      }
    }
    Seconds longest;
    for (const Convoy::Leg& leg : convoy.legs) {
      if (fabric_ != nullptr && convoy.medium == Medium::kNic) {
        const Seconds latency =
            add_sending(relation, stage, Medium::kNic, members[at(leg.from)], members[at(leg.to)]);
        longest = std::max(longest, latency);
        const double share = leg.parts;
        relations_.sendings.back().label = further_label({kind, number, share});
        relations_.sendings.back().group = group;
      }
    }
    return longest;
  }

  /// Likewise. Each delivery has a rate of its own.
  Seconds write_pairs(Relation relation,
                      int stage,
                      const std::vector<int>& members,
                      const GroupPairs& moved) {
    Seconds longest;
    for (const Delivery& pair : moved.pairs) {
      const Seconds latency =
          add_sending(relation, stage, pair.medium, members[at(pair.from)], members[at(pair.to)]);
      longest = std::max(longest, latency);
      const double kind = label(relation, stage, pair.medium);
      const double number = moved.number;
      relations_.sendings.back().label = further_label({kind, number, pair.bytes.si()});
    }
    return longest;
  }

  void write_token_groups() {
    write_exchanges(Relation::kExperts, [this](int rank) { return mesh_.expert_group(rank); });
    write_exchanges(Relation::kContext, [this](int rank) { return mesh_.context_group(rank); });
    write_layer_groups(Relation::kTensor, CollectiveScope::kTensor, [this](int rank) {
      return mesh_.tensor_group(rank);
    });
    write_layer_groups(Relation::kExpertTensor, CollectiveScope::kExpertTensor, [this](int rank) {
      return mesh_.expert_tensor_group(rank);
    });
  }

  /// Those who share a layer's columns. What they send each other, all groups alike, is that of all
  /// units; unequal experts change how much, which ranks' attributes tell.
  template <typename GroupOf>
  void write_layer_groups(Relation relation, CollectiveScope scope, GroupOf group_of) {
    const ReplicaCollectives collectives = layer_collectives(job_, scope);
    if (collectives.of_parameters.empty()) {
      return;
    }
    for (int rank = 0; rank < mesh_.ranks(); ++rank) {
      const std::vector<int> group = group_of(rank);
      if (group.front() == rank) {
        write_collectives(relation, 0, group, collectives);
      }
    }
  }

  /// Everybody inside a node, and those at the same place on the other nodes.
  template <typename GroupOf>
  void write_exchanges(Relation relation, GroupOf group_of) {
    for (int first = 0; first < mesh_.ranks(); ++first) {
      const std::vector<int> group = group_of(first);
      if (group.front() != first) {
        continue;
      }
      add_group(relation, 0, group);
      const bool experts = relation == Relation::kExperts && experts_ != nullptr;
      if (const UnevenGroup* uneven = experts ? experts_->of(first) : nullptr) {
        write_uneven_experts(*uneven, group);
      } else {
        write_group(relation, GroupLayout(mesh_, group));
      }
    }
  }

  /// Pairs are alike that send as much, there and back.
  void write_uneven_experts(const UnevenGroup& uneven, const std::vector<int>& group) {
    const std::size_t begin = relations_.sendings.size();
    Seconds longest;
    for (std::size_t from = 0; from < group.size(); ++from) {
      for (std::size_t to = 0; to < group.size(); ++to) {
        const std::array<double, 4> amount = {uneven.dispatch.over_nic(from, to).si(),
                                              uneven.combine.over_nic(from, to).si(),
                                              uneven.dispatch.over_nvlink(from, to).si(),
                                              uneven.combine.over_nvlink(from, to).si()};
        if (from == to || amount == std::array<double, 4>{}) {
          continue;
        }
        const Medium medium = amount[0] > 0.0 || amount[1] > 0.0 ? Medium::kNic : Medium::kNvlink;
        longest =
            std::max(longest, add_sending(Relation::kExperts, 0, medium, group[from], group[to]));
        last_moves(Relation::kExperts, amount);
      }
    }
    for (std::size_t i = begin; i < relations_.sendings.size(); ++i) {
      arrives_after(longest, relations_.sendings[i].label);
    }
  }

  /// Tells the last sending from those that move other amounts: out over the network and back, out
  /// over NVLink and back.
  void last_moves(Relation relation, const std::array<double, 4>& amount) {
    relations_.sendings.back().label =
        further_label({static_cast<double>(relation), amount[0], amount[1], amount[2], amount[3]});
  }

  void write_inside(Relation relation, const GroupLayout& layout, std::size_t node) {
    const bool even = layout.even();
    for (const int from : layout.node(node)) {
      for (const int to : layout.node(node)) {
        if (from == to) {
          continue;
        }
        add_sending(relation, 0, Medium::kNvlink, from, to);
        if (!even) {
          last_moves(relation, {0.0, 0.0, 1.0 + layout.landings(from), 1.0 + layout.landings(to)});
        }
      }
    }
  }

  /// What a group's members send each other: everybody inside a node, and over the network those
  /// at equal places, as late as the farthest of them. On uneven nodes not all send as much, nor as
  /// much as comes back.
  void write_group(Relation relation, const GroupLayout& layout) {
    for (std::size_t node = 0; node < layout.nodes(); ++node) {
      write_inside(relation, layout, node);
    }
    const bool even = layout.even();
    const std::size_t first = relations_.sendings.size();
    Seconds longest;
    for_each_way(layout, [&](int from, int to) {
      longest = std::max(longest, add_sending(relation, 0, Medium::kNic, from, to));
      if (!even) {
        last_moves(
            relation,
            {layout.lands(from, to) ? 1.0 : 0.0, layout.lands(to, from) ? 1.0 : 0.0, 0.0, 0.0});
      }
    });
    for (std::size_t i = first; i < relations_.sendings.size(); ++i) {
      arrives_after(longest, relations_.sendings[i].label);
    }
  }

  void add_group(Relation relation, int stage, const std::vector<int>& members) {
    const int group = relations_.groups++;
    for (const int member : members) {
      relations_.memberships.push_back(
          {.label = label(relation, stage, Medium::kNic), .group = group, .rank = member});
    }
  }

  /// Returns the latency of the way over the fabric.
  Seconds add_sending(Relation relation, int stage, Medium medium, int from, int to) {
    const int sending = static_cast<int>(relations_.sendings.size());
    relations_.sendings.push_back(
        {.label = label(relation, stage, medium), .from = from, .to = to});
    if (fabric_ == nullptr || medium != Medium::kNic) {
      return {};
    }
    const FabricPath& path = fabric_->between(first_gpu_ + from, first_gpu_ + to);
    for (const WireShare& share : path.shares) {
      relations_.crossings.push_back(
          {.sending = sending, .wire = share.wire, .share = share.units});
    }
    for (const PortShare& share : path.ports) {
      relations_.passages.push_back({.sending = sending,
                                     .rank = share.gpu - first_gpu_,
                                     .port = port(0, share.medium, share.side),
                                     .share = share.units});
    }
    return path.latency;
  }

  /// What differs in latency is not alike.
  void arrives_after(Seconds latency, int& label) {
    if (latency > Seconds()) {
      label = further_label({static_cast<double>(label), latency.si()});
    }
  }

  /// Of relations that more tells apart than a kind, a stage and a medium. They are below 0, where
  /// no other is.
  int further_label(const std::vector<double>& what) { return -1 - further_.number(what); }

  /// Ranks whose ports are not equally fast are not alike.
  void tell_ports_apart() {
    if (fabric_ == nullptr) {
      return;
    }
    Numbering<std::pair<double, double>> ports;
    for (int rank = 0; rank < mesh_.ranks(); ++rank) {
      const int number = ports.number({fabric_->port(first_gpu_ + rank, Medium::kNvlink).si(),
                                       fabric_->port(first_gpu_ + rank, Medium::kNic).si()});
      // Spread over all bits: the other attributes have some each.
      relations_.attributes[at(rank)] ^= static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15ULL;
    }
  }

  void write_wires() {
    if (fabric_ == nullptr) {
      return;
    }
    relations_.wires.reserve(fabric_->wires().size());
    for (const FabricWire& wire : fabric_->wires()) {
      relations_.wires.push_back(wire.attribute());
    }
  }

  static int label(Relation relation, int stage, Medium medium) {
    constexpr int kRelations = 8;
    return (stage * kRelations + static_cast<int>(relation)) * kMedia + static_cast<int>(medium);
  }

  const JobLayout& job_;
  const Mesh& mesh_;
  const Schedule& schedule_;
  const Cluster& cluster_;
  const UnevenExperts* experts_;
  FabricWires* fabric_;
  int first_gpu_;
  Numbering<std::vector<double>> further_;
  GroupMotions motions_;
  RankRelations relations_;
};

}  // namespace

std::vector<std::uint64_t> rank_attributes(const JobLayout& job) {
  const Mesh& mesh = job.mesh;
  const Schedule& schedule = job.schedule;
  const UnevenExperts* experts = job.experts ? &*job.experts : nullptr;
  std::vector<std::uint64_t> attributes(at(mesh.ranks()));
  Numbering<std::vector<int>> programs;
  for (int pipeline = 0; pipeline < schedule.ranks(); ++pipeline) {
    const int program = programs.number(signature(schedule.programs[at(pipeline)]));
    for (int rank = mesh.rank(pipeline, 0); rank < mesh.rank(pipeline + 1, 0); ++rank) {
      attributes[at(rank)] = static_cast<std::uint64_t>(program);
    }
  }
  // Above any number of a program: which faults the rank's GPU has.
  constexpr std::uint64_t kFaulty = std::uint64_t{1} << 32U;
  Numbering<std::tuple<double, double, double>> faults;
  for (const GpuFault& fault : job.cluster.faults) {
    const int kind = 1 + faults.number({fault.slowdown, fault.nvlink, fault.nic});
    attributes[at(fault.gpu)] += kFaulty * static_cast<std::uint64_t>(kind);
  }
  constexpr std::uint64_t kUneven = std::uint64_t{1} << 48U;
  Numbering<double> loads;
  for (int rank = 0; experts != nullptr && rank < mesh.ranks(); ++rank) {
    if (const UnevenGroup* group = experts->of(rank)) {
      attributes[at(rank)] +=
          kUneven * static_cast<std::uint64_t>(loads.number(group->rows[experts->place(rank)]));
    }
  }
  return attributes;
}

RankRelations training_relations(const JobLayout& job) {
  return RelationWriter(job).write();
}

}  // namespace towtank
