// Closed forms of balanced routing against routing that is carried out, token by token.
#include "sim/plan/expert_traffic.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/plan/routing_enumeration.hpp"

namespace towtank {
namespace {

ExpertLayer deepseek_v3_experts() {
  return {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};
}

ExpertLayer without_node_limit() {
  return {.experts = 256, .top_k = 8, .groups = 1, .groups_per_token = 1};
}

/// The first `count` of a random permutation of 0 ... total - 1.
std::vector<int> drawn(std::int64_t count, std::int64_t total, std::mt19937& random) {
  std::vector<int> all(static_cast<std::size_t>(total));
  std::iota(all.begin(), all.end(), 0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::uniform_int_distribution<std::size_t> rest(i, all.size() - 1);
    std::swap(all[i], all[rest(random)]);
  }
  all.resize(static_cast<std::size_t>(count));
  return all;
}

/// The experts of one token: groups first, then experts among theirs.
std::vector<int> route(const ExpertLayer& moe, std::mt19937& random) {
  const auto group_size = static_cast<int>(moe.experts / moe.groups);
  const std::vector<int> groups = drawn(moe.groups_per_token, moe.groups, random);
  std::vector<int> experts;
  for (const int choice : drawn(moe.top_k, group_size * moe.groups_per_token, random)) {
    const int group = groups[static_cast<std::size_t>(choice / group_size)];
    experts.push_back(group * group_size + choice % group_size);
  }
  return experts;
}

/// Copies of tokens sent by GPU 0 of node 0, counted one by one: to other nodes over its NIC, and
/// over the NVLinks of the nodes to all GPUs that are not at its place.
struct Copies {
  double over_nic = 0.0;
  double over_nvlink = 0.0;
  double nodes_visited = 0.0;
};

Copies routed_copies(const ExpertLayer& moe, const GroupShape& group, int tokens) {
  std::mt19937 random(20241227);
  Copies copies;
  const int per_gpu = static_cast<int>(moe.experts) / group.size();
  for (int token = 0; token < tokens; ++token) {
    std::set<int> gpus;
    std::set<int> nodes;
    for (const int expert : route(moe, random)) {
      gpus.insert(expert / per_gpu);
      nodes.insert(expert / per_gpu / group.local);
    }
    copies.nodes_visited += static_cast<double>(nodes.size());
    copies.over_nic +=
        static_cast<double>(std::ranges::count_if(nodes, [](int n) { return n > 0; }));
    copies.over_nvlink += static_cast<double>(
        std::ranges::count_if(gpus, [&](int gpu) { return gpu % group.local != 0; }));
  }
  return {.over_nic = copies.over_nic / tokens,
          .over_nvlink = copies.over_nvlink / tokens,
          .nodes_visited = copies.nodes_visited / tokens};
}

double nodes_visited(const ExpertLayer& moe, const GroupShape& group) {
  return group.nodes * visit_probability(moe, moe.experts / group.nodes);
}

void expect_as_routed(const ExpertLayer& moe, const GroupShape& group) {
  const Copies routed = routed_copies(moe, group, 40'000);
  const ExpertTraffic traffic = expert_traffic(moe, group);
  SCOPED_TRACE(testing::Message() << group.nodes << " nodes of " << group.local << ", "
                                  << moe.groups_per_token << " of " << moe.groups << " groups");
  EXPECT_NEAR(traffic.per_remote_node * (group.nodes - 1), routed.over_nic, 0.01 * routed.over_nic);
  EXPECT_NEAR(
      traffic.per_local_peer * (group.local - 1), routed.over_nvlink, 0.01 * routed.over_nvlink);
  EXPECT_NEAR(nodes_visited(moe, group), routed.nodes_visited, 0.01 * routed.nodes_visited);
}

TEST(BalancedRouting, MatchesTokensThatAreRoutedOneByOne) {
  for (const ExpertLayer& moe : {deepseek_v3_experts(), without_node_limit()}) {
    for (const int nodes : {1, 2, 4, 8, 16}) {
      expect_as_routed(moe, {.local = 8, .nodes = nodes});
    }
    expect_as_routed(moe, {.local = 1, .nodes = 8});
    expect_as_routed(moe, {.local = 2, .nodes = 4});
  }
  expect_as_routed({.experts = 160, .top_k = 6, .groups = 8, .groups_per_token = 3},
                   {.local = 1, .nodes = 8});
}

TEST(NodeLimit, HoldsATokenToFourNodesOfEight) {
  const GroupShape group = {.local = 8, .nodes = 8};
  EXPECT_NEAR(nodes_visited(deepseek_v3_experts(), group), 3.63, 0.01);
  EXPECT_GT(nodes_visited(without_node_limit(), group), 5.0);
}

TEST(OneNode, IsVisitedByEveryTokenAndSendsNothingElsewhere) {
  for (const ExpertLayer& moe : {deepseek_v3_experts(), without_node_limit()}) {
    EXPECT_DOUBLE_EQ(visit_probability(moe, moe.experts), 1.0);
  }
}

TEST(VisitProbability, GrowsWithThePartAndIsCertainForTheWhole) {
  for (const ExpertLayer& moe : {deepseek_v3_experts(), without_node_limit()}) {
    double smaller = 0.0;
    for (std::int64_t part = 1; part <= moe.experts; part *= 2) {
      const double probability = visit_probability(moe, part);
      EXPECT_GT(probability, smaller);
      smaller = probability;
    }
    EXPECT_DOUBLE_EQ(smaller, 1.0);
  }
}

// Any run of experts of any small layer, by all ways to route a token.
TEST(VisitProbability, OfARunIsThatOfAllWaysToRouteAToken) {
  for (const ExpertLayer& layer : small_layers()) {
    const std::vector<double> chances(static_cast<std::size_t>(layer.experts), 0.5);
    const std::map<std::uint32_t, double> ways = enumerated_visits(layer, chances);
    for (std::int64_t first = 0; first < layer.experts; ++first) {
      for (std::int64_t count = 1; first + count <= layer.experts; ++count) {
        const std::uint32_t run = ((1U << static_cast<std::uint32_t>(count)) - 1U)
                                  << static_cast<std::uint32_t>(first);
        double visited = 0.0;
        for (const auto& [set, probability] : ways) {
          visited += (set & run) != 0U ? probability : 0.0;
        }
        EXPECT_NEAR(visit_probability_of_run(layer, first, count), visited, 1e-12);
      }
    }
  }
}

TEST(VisitProbability, OfARunIsThatOfAPartThatNests) {
  const ExpertLayer moe = deepseek_v3_experts();
  for (std::int64_t part = 1; part <= moe.experts; part *= 2) {
    for (std::int64_t first = 0; first < moe.experts; first += part) {
      EXPECT_NEAR(visit_probability_of_run(moe, first, part), visit_probability(moe, part), 1e-14);
    }
  }
}

TEST(BalancedVisits, OfUnevenNodesAreThoseOfTheirExperts) {
  const ExpertLayer moe = {.experts = 240, .top_k = 8, .groups = 8, .groups_per_token = 4};
  const GroupShape shape = {.local = 8, .nodes = 2, .uneven = {8, 4}};
  EXPECT_FALSE(is_visited_evenly(moe, shape));
  const BalancedVisits visits = balanced_visits(moe, shape);
  ASSERT_EQ(visits.of_ranks.size(), 12U);
  EXPECT_EQ(visits.of_nodes[0], visit_probability_of_run(moe, 0, 160));
  EXPECT_EQ(visits.of_nodes[1], visit_probability_of_run(moe, 160, 80));
  EXPECT_EQ(visits.of_ranks[9], visit_probability_of_run(moe, 180, 20));
  EXPECT_GT(visits.of_nodes[0], visits.of_nodes[1]);
}

TEST(BalancedVisits, OfEvenNodesThatNestAreTheClosedForm) {
  const ExpertLayer moe = deepseek_v3_experts();
  const GroupShape shape = {.local = 8, .nodes = 4};
  ASSERT_TRUE(is_visited_evenly(moe, shape));
  const ExpertTraffic traffic = expert_traffic(moe, shape);
  for (const double visits : balanced_visits(moe, shape).of_nodes) {
    EXPECT_NEAR(visits, traffic.per_remote_node, 1e-14);
  }
}

// Each of a token's top_k choices falls on every expert with equal probability.
TEST(VisitProbability, OfOneExpertIsTopKOverExperts) {
  for (const ExpertLayer& moe : {deepseek_v3_experts(), without_node_limit()}) {
    EXPECT_DOUBLE_EQ(visit_probability(moe, 1),
                     static_cast<double>(moe.top_k) / static_cast<double>(moe.experts));
  }
}

}  // namespace
}  // namespace towtank
