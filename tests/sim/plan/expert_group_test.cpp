// Experts placed on a group: what its ranks and nodes are sent, and plans that cannot be.
#include "sim/plan/expert_group.hpp"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/plan/expert_traffic.hpp"

namespace towtank {
namespace {

const ExpertLayer kV3 = {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};
const GroupShape kEightNodes = {.local = 8, .nodes = 8};

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(PlacedExperts, AreVisitedTopKTimesAToken) {
  for (const PlacementPolicy policy : {PlacementPolicy::kStatic,
                                       PlacementPolicy::kHierarchical,
                                       PlacementPolicy::kGlobal,
                                       PlacementPolicy::kBalanced}) {
    const PlacedExperts group =
        place_experts(kV3,
                      kEightNodes,
                      {.load = ZipfLoad{.exponent = 0.8}, .placement = policy, .redundant = 64});
    EXPECT_NEAR(sum(group.visits), 8.0, 1e-11);
    EXPECT_NEAR(sum(group.rank_copies), 8.0, 1e-11);
    EXPECT_NEAR(sum(expert_rows(group, 4096.0)), 8.0 * 4096.0 * 64.0, 1e-4);
  }
}

// A visit to a rank is a visit to its node; visits to ranks are no more than copies.
TEST(PlacedExperts, VisitNodesMoreThanRanksAndRanksLessThanTheyReceiveCopies) {
  const PlacedExperts group =
      place_experts(kV3, kEightNodes, {.load = ZipfLoad{.exponent = 0.8}, .redundant = 64});
  for (std::size_t rank = 0; rank < 64; ++rank) {
    EXPECT_LE(group.rank_visits[rank], group.node_visits[rank / 8]);
    EXPECT_LE(group.rank_visits[rank], group.rank_copies[rank]);
    EXPECT_GE(group.rank_visits[rank], group.rank_copies[rank] / 8.0);
  }
}

TEST(PlacedExperts, OfUniformLoadsAreVisitedLikeBalancedRouting) {
  const PlacedExperts group = place_experts(kV3, kEightNodes, {});
  for (const double visit : group.rank_visits) {
    EXPECT_NEAR(visit, visit_probability(kV3, 4), 1e-12);
  }
  for (const double visit : group.node_visits) {
    EXPECT_NEAR(visit, visit_probability(kV3, 32), 1e-12);
  }
}

// The node limit holds a token to four nodes only while groups stay whole.
TEST(HierarchicalPlacement, KeepsATokenToFewerNodesThanTheGlobalOne) {
  ExpertPlan plan = {.load = ZipfLoad{.exponent = 0.5},
                     .placement = PlacementPolicy::kHierarchical,
                     .redundant = 64};
  const double hierarchical = sum(place_experts(kV3, kEightNodes, plan).node_visits);
  plan.placement = PlacementPolicy::kGlobal;
  const PlacedExperts global = place_experts(kV3, kEightNodes, plan);
  EXPECT_LE(hierarchical, 4.0);
  EXPECT_GT(sum(global.node_visits), 5.0);
  EXPECT_LT(peak_over_mean(global.rank_copies), 1.01);
}

TEST(BalancedRouting, IsUniformInOrderAndWithoutReplicas) {
  EXPECT_TRUE(is_balanced_routing({}));
  EXPECT_FALSE(is_balanced_routing({.load = ZipfLoad{.exponent = 0.1}}));
  EXPECT_FALSE(is_balanced_routing({.placement = PlacementPolicy::kGlobal}));
  EXPECT_FALSE(is_balanced_routing({.redundant = 64}));
}

TEST(ExpertRows, AreSharedByReplicas) {
  const PlacedExperts group = place_experts({.experts = 2, .top_k = 1},
                                            {.local = 3, .nodes = 1},
                                            {.load = CountedLoad{.source = {}, .counts = {2, 1}},
                                             .placement = PlacementPolicy::kGlobal,
                                             .redundant = 1});
  for (const double rows : expert_rows(group, 100.0)) {
    EXPECT_NEAR(rows, 100.0, 1e-10);
  }
}

std::string problem_with(const GroupShape& shape, const ExpertPlan& plan) {
  const auto problem = expert_problem(kV3, shape, plan);
  return problem ? problem->key + ": " + problem->message : "";
}

TEST(ExpertProblem, NamesTheKeyToChange) {
  EXPECT_EQ(problem_with(kEightNodes, {}), "");
  EXPECT_THAT(problem_with(kEightNodes, {.redundant = 1}), testing::StartsWith("redundant: "));
  EXPECT_THAT(problem_with(kEightNodes, {.load = ZipfLoad{.exponent = 1.5}}),
              testing::StartsWith("load: "));
  const GroupShape three = {.local = 8, .nodes = 3};
  EXPECT_THAT(problem_with(three, {.placement = PlacementPolicy::kHierarchical, .redundant = 8}),
              testing::StartsWith("placement: "));
  EXPECT_EQ(problem_with(three, {.placement = PlacementPolicy::kBalanced, .redundant = 8}), "");
}

}  // namespace
}  // namespace towtank
