#include "sim/graph/replica_collectives.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>

namespace towtank {
namespace {

constexpr Bytes kParameter{2.0};

Bytes gradient(const Recipe& recipe) {
  return recipe.gradients == Precision::kFp32 ? Bytes(4.0) : Bytes(2.0);
}

/// Ranks of `replicas` that share a part: those whose positions fall into the same run of
/// plan.shard data ranks. And those that have the same shard of the other parts.
struct Parts {
  std::vector<int> sharers;
  std::vector<int> copies;
};

Parts parts(const TrainingPlan& plan,
            const Mesh& mesh,
            const std::vector<int>& replicas,
            int rank) {
  const int run = plan.shard * plan.tensor;
  const auto part_of = [&](int other) {
    return std::pair(mesh.pipeline(other), mesh.position(other) / run);
  };
  Parts result;
  std::map<std::pair<int, int>, int> seen;  // of each part, members so far
  std::map<int, int> place;                 // of each replica in its part
  for (const int other : replicas) {
    place[other] = seen[part_of(other)]++;
    if (part_of(other) == part_of(rank)) {
      result.sharers.push_back(other);
    }
  }
  std::ranges::copy_if(replicas, std::back_inserter(result.copies), [&](int other) {
    return place[other] == place[rank];
  });
  return result;
}

bool same_legs(const Convoy& a, const Convoy& b) {
  return a.medium == b.medium &&
         std::ranges::equal(a.legs, b.legs, [](const Convoy::Leg& x, const Convoy::Leg& y) {
           return x.from == y.from && x.to == y.to && x.parts == y.parts;
         });
}

bool all_equal(const std::vector<int>& numbers) {
  return std::ranges::adjacent_find(numbers, std::ranges::not_equal_to()) == numbers.end();
}

bool is_even(const Convoy& convoy, std::size_t members) {
  const ConvoyParts parts = parts_of_members(convoy, members);
  return all_equal(parts.sent) && all_equal(parts.received);
}

/// Puts together what the phases of several collectives have in common.
class MotionMaker {
 public:
  explicit MotionMaker(std::size_t members) : members_(members) {}

  void add(const TunedPhase& phase) {
    for (const Convoy& convoy : phase.convoys) {
      if (std::ranges::none_of(motion_.convoys, [&convoy](const GroupConvoy& other) {
            return same_legs(convoy, other.convoy);
          })) {
        const auto next = static_cast<int>(sizes_.size());
        const int number = sizes_.try_emplace({phases_, convoy.part}, next).first->second;
        motion_.convoys.push_back(
            {.convoy = convoy, .even = is_even(convoy, members_), .number = number});
      }
    }
    if (!phase.pairs.empty()) {
      motion_.pairs.push_back({.pairs = phase.pairs, .number = phases_});
    }
    ++phases_;
  }

  GroupMotion take() { return std::move(motion_); }

 private:
  std::size_t members_;
  int phases_ = 0;
  std::map<std::pair<int, Bytes>, int> sizes_;  // (phase, part)
  GroupMotion motion_;
};

}  // namespace

ReplicaCollectives replica_collectives(const TrainingPlan& plan, double parameters, bool costs) {
  if (parameters <= 0.0) {  // of experts in a stage without them
    return {};
  }
  const Bytes gradients = parameters * gradient(plan.recipe);
  if (plan.zero_stage > 0) {
    return {.of_gradients = {{Collective::kReduceScatter, gradients}},
            .of_parameters = {{Collective::kAllGather, parameters * kParameter}}};
  }
  if (costs) {
    return {.of_gradients = {{Collective::kAllReduce, gradients}}, .of_parameters = {}};
  }
  return {.of_gradients = {{Collective::kReduceScatter, gradients},
                           {Collective::kAllGather, gradients}},
          .of_parameters = {}};
}

std::vector<ReplicaGroup> replica_groups(const TrainingPlan& plan,
                                         const Mesh& mesh,
                                         const std::vector<int>& hosts,
                                         int rank,
                                         const StageParameters& parameters,
                                         GroupKind kind,
                                         bool costs) {
  const bool dense = kind == GroupKind::kDenseReplicas;
  std::vector<int> replicas =
      dense ? mesh.dense_replicas(hosts, rank) : mesh.expert_replicas(hosts, rank);
  const double count = dense ? parameters.dense : parameters.experts;
  if (plan.zero_stage == 0 || plan.shard == 0 || plan.shard == plan.data) {
    return {{.kind = kind,
             .ranks = std::move(replicas),
             .collectives = replica_collectives(plan, count, costs)}};
  }
  Parts among = parts(plan, mesh, replicas, rank);
  TrainingPlan whole = plan;
  whole.zero_stage = 0;
  const double shard = count / static_cast<double>(among.sharers.size());
  ReplicaCollectives copies = replica_collectives(whole, shard, costs);
  return {{.kind = kind,
           .ranks = std::move(among.sharers),
           .collectives = replica_collectives(plan, count, costs)},
          {.kind = kind, .ranks = std::move(among.copies), .collectives = std::move(copies)}};
}

std::vector<Member> members_of(const Mesh& mesh, const std::vector<int>& group, int first_gpu) {
  std::vector<Member> members;
  members.reserve(group.size());
  for (const int rank : group) {
    members.push_back(
        {.gpu = first_gpu + rank, .node = mesh.node(rank), .place = mesh.place(rank)});
  }
  return members;
}

const GroupMotion& GroupMotions::of(const ReplicaCollectives& collectives,
                                    const std::vector<Member>& members) {
  std::vector<const TunedCollective*> tuned;
  for (const auto* list : {&collectives.of_gradients, &collectives.of_parameters}) {
    for (const ReplicaCollective& collective : *list) {
      tuned.push_back(&tuner_.tune(collective.kind, collective.bytes, members));
    }
  }
  const auto [entry, is_new] = known_.try_emplace(tuned);
  if (is_new) {
    MotionMaker maker(members.size());
    for (const TunedCollective* collective : tuned) {
      for (const TunedPhase& phase : collective->phases) {
        maker.add(phase);
      }
    }
    entry->second = maker.take();
  }
  return entry->second;
}

}  // namespace towtank
