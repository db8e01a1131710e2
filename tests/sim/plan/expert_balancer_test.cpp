// The balancer's promises on random loads, and its distance from the best there is.
#include "sim/plan/expert_balancer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "sim/plan/even_packing.hpp"

namespace towtank {
namespace {

std::vector<double> random_loads(std::size_t experts, double skew, std::mt19937& random) {
  std::uniform_real_distribution<double> unit(0.01, 1.0);
  std::vector<double> load(experts);
  for (double& each : load) {
    each = std::pow(unit(random), skew);
  }
  return load;
}

double busiest(const ExpertPlacement& placement, const std::vector<double>& load) {
  return std::ranges::max(rank_loads(placement, load));
}

double total(const std::vector<double>& load) {
  return std::accumulate(load.begin(), load.end(), 0.0);
}

/// No placement does better: some rank receives the mean, and some rank a replica of the heaviest.
double lower_bound(const std::vector<double>& load, std::int64_t redundant, int ranks) {
  const auto most = static_cast<double>(std::min<std::int64_t>(ranks, redundant + 1));
  return std::max(total(load) / ranks, std::ranges::max(load) / most);
}

struct Case {
  ExpertLayer layer;
  GroupShape shape;
  std::int64_t redundant = 0;
};

std::vector<Case> cases() {
  const ExpertLayer v3 = {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};
  const ExpertLayer flat = {.experts = 128, .top_k = 8};
  return {{v3, {.local = 8, .nodes = 8}, 0},
          {v3, {.local = 8, .nodes = 8}, 64},
          {v3, {.local = 8, .nodes = 4}, 32},
          {v3, {.local = 8, .nodes = 18}, 32},
          {v3, {.local = 8, .nodes = 40}, 64},
          {v3, {.local = 8, .nodes = 1}, 0},
          {flat, {.local = 8, .nodes = 2}, 16},
          {flat, {.local = 4, .nodes = 8}, 96}};
}

constexpr auto kPolicies = {PlacementPolicy::kStatic,
                            PlacementPolicy::kHierarchical,
                            PlacementPolicy::kGlobal,
                            PlacementPolicy::kBalanced};

struct Placed {
  Case of;
  PlacementPolicy asked = PlacementPolicy::kStatic;
  std::vector<double> load;
  BalancedPlacement result;
};

/// Every policy on loads of every skew.
std::vector<Placed> place_all() {
  std::mt19937 random(1);
  std::vector<Placed> all;
  for (const Case& each : cases()) {
    for (const double skew : {0.0, 0.5, 2.0, 6.0}) {
      const auto load = random_loads(static_cast<std::size_t>(each.layer.experts), skew, random);
      for (const PlacementPolicy policy : kPolicies) {
        if (policy != PlacementPolicy::kHierarchical ||
            groups_fit_nodes(each.layer, each.shape, each.redundant)) {
          all.push_back({each,
                         policy,
                         load,
                         place_by_load(each.layer, each.shape, each.redundant, policy, load)});
        }
      }
    }
  }
  return all;
}

const std::vector<Placed>& placements() {
  static const std::vector<Placed> kAll = place_all();
  return kAll;
}

template <class Claim>
void for_each_placement(Claim claim) {
  for (const Placed& placed : placements()) {
    claim(placed.of, placed.asked, placed.load, placed.result);
  }
}

TEST(Balancer, PlacesEveryExpertAndFillsEverySlot) {
  for_each_placement([](const Case& each, auto, const auto& load, const auto& placed) {
    const ExpertPlacement& placement = placed.placement;
    EXPECT_EQ(placement.ranks, each.shape.size());
    EXPECT_EQ(placement.expert_of_slot.size(),
              load.size() + static_cast<std::size_t>(each.redundant));
    EXPECT_GE(std::ranges::min(replicas(placement, load.size())), 1U);
  });
}

TEST(Balancer, PutsNoExpertTwiceOnARank) {
  for_each_placement([](const Case&, auto, const auto&, const auto& placed) {
    for (int rank = 0; rank < placed.placement.ranks; ++rank) {
      const auto slots = placed.placement.on(rank);
      const std::set<std::size_t> distinct(slots.begin(), slots.end());
      EXPECT_EQ(distinct.size(), slots.size());
    }
  });
}

TEST(Balancer, NeverLoadsTheBusiestRankMoreThanTheOrderOfExpertsDoes) {
  for_each_placement([](const Case& each, auto policy, const auto& load, const auto& placed) {
    const ExpertPlacement in_order =
        place_in_order(each.layer.experts, each.redundant, each.shape.size());
    if (policy != PlacementPolicy::kHierarchical) {  // it may not leave the node
      EXPECT_LE(busiest(placed.placement, load), busiest(in_order, load) * (1.0 + 1e-12));
    }
  });
}

TEST(Balancer, StaysAboveWhatNoPlacementCanBeat) {
  for_each_placement([](const Case& each, auto, const auto& load, const auto& placed) {
    EXPECT_GE(busiest(placed.placement, load) * (1.0 + 1e-12),
              lower_bound(load, each.redundant, each.shape.size()));
  });
}

TEST(Balancer, IsDeterministic) {
  const std::vector<Placed> again = place_all();
  ASSERT_EQ(again.size(), placements().size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(again[i].result.placement.expert_of_slot,
              placements()[i].result.placement.expert_of_slot);
  }
}

TEST(HierarchicalPolicy, KeepsEveryGroupOnOneNode) {
  for_each_placement([](const Case& each, auto, const auto&, const auto& placed) {
    if (placed.policy != PlacementPolicy::kHierarchical) {
      return;
    }
    const auto group_size = static_cast<std::size_t>(each.layer.experts / each.layer.groups);
    std::vector<std::set<int>> nodes(static_cast<std::size_t>(each.layer.groups));
    for (int rank = 0; rank < placed.placement.ranks; ++rank) {
      for (const std::size_t expert : placed.placement.on(rank)) {
        nodes[expert / group_size].insert(rank / each.shape.local);
      }
    }
    EXPECT_TRUE(std::ranges::all_of(nodes, [](const auto& on) { return on.size() == 1; }));
  });
}

TEST(BalancedPolicy, IsHierarchicalWhereGroupsDivideOverNodesAndGlobalElsewhere) {
  for_each_placement([](const Case& each, auto policy, const auto&, const auto& placed) {
    if (policy == PlacementPolicy::kBalanced && each.layer.groups == 1) {
      EXPECT_EQ(placed.policy, PlacementPolicy::kGlobal);
    }
    if (policy == PlacementPolicy::kBalanced && each.shape.nodes == 8 && each.redundant == 64) {
      EXPECT_EQ(placed.policy, PlacementPolicy::kHierarchical);
    }
    EXPECT_NE(placed.policy, PlacementPolicy::kBalanced);
  });
}

TEST(Replicate, GivesTheNextReplicaToTheHeaviest) {
  EXPECT_EQ(replicate(std::vector<double>{6, 1, 4}, 3, 4), (std::vector<std::size_t>{3, 1, 2}));
  EXPECT_EQ(replicate(std::vector<double>{6, 1, 4}, 3, 2), (std::vector<std::size_t>{2, 2, 2}));
}

/// Slots with what each receives, by expert, and the ranks they were put on so far.
struct Search {
  std::vector<std::size_t> experts;
  std::vector<double> weights;
  std::vector<std::vector<std::size_t>> ranks;
  std::size_t room = 0;
};

/// The least load of the busiest rank over all ways to put the slots `at`, `at` + 1, ... on ranks,
/// no expert twice on one.
double best_packing(Search& search, std::size_t at) {
  if (at == search.experts.size()) {
    double busiest = 0.0;
    for (const auto& rank : search.ranks) {
      double sum = 0.0;
      std::ranges::for_each(rank, [&](std::size_t slot) { sum += search.weights[slot]; });
      busiest = std::max(busiest, sum);
    }
    return busiest;
  }
  double best = std::numeric_limits<double>::infinity();
  for (auto& rank : search.ranks) {
    const bool repeats = std::ranges::any_of(
        rank, [&](std::size_t slot) { return search.experts[slot] == search.experts[at]; });
    if (rank.size() < search.room && !repeats) {
      rank.push_back(at);
      best = std::min(best, best_packing(search, at + 1));
      rank.pop_back();
    }
  }
  return best;
}

/// The same over all numbers of replicas of the experts from `expert` on.
double best_placement(const std::vector<double>& load,
                      std::size_t expert,
                      std::size_t redundant,
                      Search& search) {
  if (expert == load.size()) {
    return redundant > 0 ? std::numeric_limits<double>::infinity() : best_packing(search, 0);
  }
  double best = std::numeric_limits<double>::infinity();
  const std::size_t before = search.experts.size();
  for (std::size_t count = 1; count <= std::min(redundant + 1, search.ranks.size()); ++count) {
    search.experts.insert(search.experts.end(), count, expert);
    search.weights.insert(search.weights.end(), count, load[expert] / static_cast<double>(count));
    best = std::min(best, best_placement(load, expert + 1, redundant + 1 - count, search));
    search.experts.resize(before);
    search.weights.resize(before);
  }
  return best;
}

// Greedy packing with exchanges is no exact method. On these small cases, where few slots leave
// little choice, it finds the optimum in 44 of 60, and is 0.5% above it in the mean and 6.5% at
// worst.
TEST(GlobalPolicy, IsNearTheBestOfAllPlacements) {
  std::mt19937 random(4);
  double excess = 0.0;
  double worst = 0.0;
  int optimal = 0;
  constexpr int kTrials = 60;
  for (int trial = 0; trial < kTrials; ++trial) {
    const int ranks = 2 + trial % 2;
    const std::int64_t experts = ranks == 2 ? 6 : 5;
    const std::int64_t redundant = ranks == 2 ? 2 : 1 + 3 * (trial / 2 % 2);
    const auto load = random_loads(static_cast<std::size_t>(experts), 1.5, random);
    const auto placed = place_by_load({.experts = experts, .top_k = 1},
                                      {.local = ranks, .nodes = 1},
                                      redundant,
                                      PlacementPolicy::kGlobal,
                                      load);
    Search search{.experts = {},
                  .weights = {},
                  .ranks = std::vector<std::vector<std::size_t>>(static_cast<std::size_t>(ranks)),
                  .room = static_cast<std::size_t>((experts + redundant) / ranks)};
    const double best = best_placement(load, 0, static_cast<std::size_t>(redundant), search);
    const double over = busiest(placed.placement, load) / best - 1.0;
    EXPECT_GE(over, -1e-12);
    excess += over / kTrials;
    worst = std::max(worst, over);
    optimal += over < 1e-12 ? 1 : 0;
  }
  EXPECT_GE(optimal, kTrials * 2 / 3);
  EXPECT_LT(excess, 0.01);
  EXPECT_LT(worst, 0.1);
}

}  // namespace
}  // namespace towtank
