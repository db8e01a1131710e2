// Which algorithm each collective of a step runs with, found once for all calls that are alike.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/collective/choose.hpp"
#include "sim/collective/collective_plan.hpp"
#include "sim/collective/convoys.hpp"

namespace towtank {

/// What one phase of a collective moves, and how long before its bytes start.
struct TunedPhase {
  std::vector<Convoy> convoys;
  std::vector<Delivery> pairs;  // deliveries by themselves
  Seconds delay;                // hops and fill, and the start-up of the first phase
};

/// A collective as it runs. Ends are indices into the call's members.
struct TunedCollective {
  std::vector<TunedPhase> phases;
  Algorithm algorithm = Algorithm::kRing;
  std::optional<NetworkCost> cost;  // none: the profile knows none, and links cost what links cost
};

/// Remembers what it chose. The profile outlives it.
class Tuner {
 public:
  /// Throws InputError when something is forced and the profile has no costs of collectives.
  Tuner(const Profile& profile, const PortSpeeds& speeds, const CollectivePlan& plan);

  /// Whether the profile has costs of rings, which every collective of a step can be. Without them
  /// everything is a ring, at what links cost.
  bool has_costs() const { return has_costs_; }

  /// The collective of these members: all-reduce, all-gather or reduce-scatter; valid as long as
  /// the tuner. What the plan forces is taken where it can run. Throws InputError when the profile
  /// has no costs of what is forced.
  const TunedCollective& tune(Collective kind, Bytes bytes, const std::vector<Member>& members);

  /// To be called when all collectives of a step are tuned: throws InputError when an algorithm
  /// that the plan forces could run for none of their groups.
  void check_forced() const;

 private:
  /// How members sit: nodes in the order in which they appear, and places.
  using Seating = std::vector<std::pair<int, int>>;

  TunedCollective find(const CollectiveCall& call);
  std::optional<Algorithm> forced_here(const CollectiveCall& call);

  const Profile& profile_;
  PortSpeeds speeds_;
  CollectivePlan plan_;
  bool has_costs_ = false;
  std::map<Seating, int> seatings_;
  std::map<std::tuple<int, Collective, Bytes>, TunedCollective> known_;  // by seating
  /// Of the kinds with an algorithm that is forced: why it could not run; empty when it did.
  std::map<Collective, std::string> refusals_;
};

}  // namespace towtank
