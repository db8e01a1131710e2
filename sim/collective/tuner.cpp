#include "sim/collective/tuner.hpp"

#include <algorithm>
#include <iterator>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

std::vector<TunedPhase> phases_of(const Movement& movement, const Timing* timing) {
  std::vector<TunedPhase> phases;
  phases.reserve(movement.phases.size());
  for (const MovementPhase& moved : movement.phases) {
    check(moved.exchanges.empty(), "what replicas share is no all-to-all");
    TunedPhase phase{.convoys = convoys(moved), .pairs = {}, .delay = {}};
    std::ranges::copy_if(moved.deliveries,
                         std::back_inserter(phase.pairs),
                         [](const Delivery& delivery) { return delivery.convoy == kByItself; });
    if (timing != nullptr) {
      const PhaseTiming& waits = timing->phases[phases.size()];
      phase.delay = waits.hops + waits.fill + (phases.empty() ? timing->start_up : Seconds());
    }
    phases.push_back(std::move(phase));
  }
  return phases;
}

}  // namespace

Tuner::Tuner(const Profile& profile, const PortSpeeds& speeds, const CollectivePlan& plan)
    : profile_(profile), speeds_(speeds), plan_(plan) {
  has_costs_ = std::ranges::any_of(
      profile.network, [](const NetworkCost& cost) { return cost.pattern == Pattern::kRing; });
  if (!has_costs_ && forces(plan)) {
    const std::string key = plan.places.empty() ? "protocol" : plan.places.begin()->first;
    refuse_collective(plan,
                      key,
                      "the profile of " + profile.gpu.name +
                          " has no costs of rings ([network]): everything is a ring, at what its "
                          "links cost");
  }
}

const TunedCollective& Tuner::tune(Collective kind,
                                   Bytes bytes,
                                   const std::vector<Member>& members) {
  Seating seating;
  seating.reserve(members.size());
  int node = -1;
  for (std::size_t i = 0; i < members.size(); ++i) {
    node += i == 0 || members[i].node != members[i - 1].node ? 1 : 0;
    seating.emplace_back(node, members[i].place);
  }
  const auto next = static_cast<int>(seatings_.size());
  const int number = seatings_.try_emplace(std::move(seating), next).first->second;
  const auto [entry, is_new] = known_.try_emplace({number, kind, bytes});
  if (is_new) {
    entry->second = find({.kind = kind, .bytes = bytes, .members = members});
  }
  return entry->second;
}

std::optional<Algorithm> Tuner::forced_here(const CollectiveCall& call) {
  const std::optional<Algorithm> wanted = forced(plan_, call.kind);
  if (!wanted || call.members.size() < 2) {
    return std::nullopt;
  }
  const std::string reason = why_not(*wanted, call);
  const auto [entry, is_new] = refusals_.try_emplace(call.kind, reason);
  if (reason.empty()) {
    entry->second.clear();
    return wanted;
  }
  return std::nullopt;
}

TunedCollective Tuner::find(const CollectiveCall& call) {
  if (!has_costs()) {
    return {.phases = phases_of(movement(Algorithm::kRing, call), nullptr),
            .algorithm = Algorithm::kRing,
            .cost = std::nullopt};
  }
  const std::optional<Algorithm> wanted = forced_here(call);
  const Chosen chosen =
      choose(call,
             profile_,
             speeds_,
             {.algorithm = wanted, .protocol = plan_.protocol, .in_switch = plan_.in_switch});
  if (!chosen.choice) {
    refuse_collective(plan_, wanted ? collective_key(call.kind) : "protocol", chosen.why_not);
  }
  return {.phases = phases_of(chosen.choice->movement, &chosen.choice->timing),
          .algorithm = chosen.choice->algorithm,
          .cost = chosen.choice->cost};
}

void Tuner::check_forced() const {
  for (const Collective kind :
       {Collective::kAllReduce, Collective::kAllGather, Collective::kReduceScatter}) {
    if (!forced(plan_, kind)) {
      continue;
    }
    const auto found = refusals_.find(kind);
    if (found == refusals_.end()) {
      refuse_collective(plan_, collective_key(kind), "no two GPUs hold the same parameters");
    }
    if (!found->second.empty()) {
      refuse_collective(plan_, collective_key(kind), found->second);
    }
  }
}

}  // namespace towtank
