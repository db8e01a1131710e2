// Bytes between ranks: the closed form of balanced routing, conservation, and drawn tokens.
#include "sim/plan/dispatch_bytes.hpp"

#include <cmath>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "sim/plan/expert_group.hpp"
#include "sim/plan/expert_traffic.hpp"
#include "sim/plan/portable_random.hpp"
#include "sim/plan/token_sampler.hpp"

namespace towtank {
namespace {

const ExpertLayer kV3 = {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};
const ExpertLayer kWithoutGroups = {.experts = 256, .top_k = 8};

PairBytes bytes_of(const PlacedExperts& group, const GroupShape& shape, double tokens, Bytes copy) {
  return dispatch_bytes(shape,
                        std::vector<double>(static_cast<std::size_t>(shape.size()), tokens),
                        group.rank_visits,
                        group.node_visits,
                        copy);
}

TEST(DispatchBytes, OfUniformLoadsAreThoseOfBalancedRouting) {
  for (const ExpertLayer& layer : {kV3, kWithoutGroups}) {
    for (const GroupShape& shape : {GroupShape{.local = 8, .nodes = 8},
                                    GroupShape{.local = 8, .nodes = 4},
                                    GroupShape{.local = 4, .nodes = 2},
                                    GroupShape{.local = 8, .nodes = 1},
                                    GroupShape{.local = 1, .nodes = 8}}) {
      const PairBytes pairs = bytes_of(place_experts(layer, shape, {}), shape, 1.0, byte);
      const ExpertTraffic balanced = expert_traffic(layer, shape);
      for (std::size_t from = 0; from < pairs.ranks; ++from) {
        for (std::size_t to = 0; to < pairs.ranks; ++to) {
          const auto local = static_cast<std::size_t>(shape.local);
          const bool same_node = from / local == to / local;
          const bool same_place = from % local == to % local;
          EXPECT_NEAR(pairs.over_nic(from, to) / byte,
                      !same_node && same_place ? balanced.per_remote_node : 0.0,
                      1e-12);
          EXPECT_NEAR(pairs.over_nvlink(from, to) / byte,
                      same_node && !same_place ? balanced.per_local_peer : 0.0,
                      1e-11);
        }
      }
    }
  }
}

struct Skewed {
  GroupShape shape = {.local = 4, .nodes = 4};
  ExpertPlan plan = {.load = ZipfLoad{.exponent = 0.7, .seed = 5},
                     .placement = PlacementPolicy::kHierarchical,
                     .redundant = 32};
};

TEST(DispatchBytes, BringEveryRankTheTokensThatVisitIt) {
  const Skewed skewed;
  const PlacedExperts group = place_experts(kV3, skewed.shape, skewed.plan);
  std::vector<double> tokens(16);
  std::iota(tokens.begin(), tokens.end(), 100.0);
  const PairBytes pairs =
      dispatch_bytes(skewed.shape, tokens, group.rank_visits, group.node_visits, 2.0 * byte);
  const double all = std::accumulate(tokens.begin(), tokens.end(), 0.0);
  const std::vector<Bytes> forwarded = received(pairs.nvlink, 16);
  const std::vector<Bytes> landed = received(pairs.nic, 16);
  const std::vector<Bytes> left = sent(pairs.nic, 16);
  for (std::size_t rank = 0; rank < 16; ++rank) {
    double own_place = 0.0;  // tokens that are at the rank, or land there, before any forwarding
    double landing = 0.0;
    double leaving = 0.0;
    for (std::size_t node = 0; node < 4; ++node) {
      const double there = tokens[node * 4 + rank % 4];
      own_place += there;
      landing += node == rank / 4 ? 0.0 : there * group.node_visits[rank / 4];
      leaving += node == rank / 4 ? 0.0 : tokens[rank] * group.node_visits[node];
    }
    EXPECT_NEAR(forwarded[rank] / byte, 2.0 * (all - own_place) * group.rank_visits[rank], 1e-9);
    EXPECT_NEAR(landed[rank] / byte, 2.0 * landing, 1e-9);
    EXPECT_NEAR(left[rank] / byte, 2.0 * leaving, 1e-9);
  }
}

// Nodes of 3, 5 and 2 ranks: every copy crosses to a node once, and is passed on to each rank that
// needs it but the one where it landed.
TEST(DispatchBytes, OfUnevenNodesBringEveryRankTheTokensThatVisitIt) {
  const ExpertLayer layer = {.experts = 240, .top_k = 8, .groups = 8, .groups_per_token = 4};
  const GroupShape shape = {.local = 5, .nodes = 3, .uneven = {3, 5, 2}};
  const std::vector<std::size_t> node_of = {0, 0, 0, 1, 1, 1, 1, 1, 2, 2};
  const std::vector<std::size_t> first_of = {0, 3, 8};
  const BalancedVisits visits = balanced_visits(layer, shape);
  std::vector<double> tokens(10);
  std::iota(tokens.begin(), tokens.end(), 100.0);
  const PairBytes pairs = dispatch_bytes(shape, tokens, visits.of_ranks, visits.of_nodes, byte);
  const double all = std::accumulate(tokens.begin(), tokens.end(), 0.0);
  std::vector<double> landed(10, 0.0);  // tokens that are, or could be, there before any forwarding
  std::vector<double> crossed(3, 0.0);
  for (std::size_t from = 0; from < 10; ++from) {
    const std::size_t place = from - first_of[node_of[from]];
    for (std::size_t node = 0; node < 3; ++node) {
      const auto members = static_cast<std::size_t>(shape.on(static_cast<int>(node)));
      landed[first_of[node] + place % members] += tokens[from];
      crossed[node] += node == node_of[from] ? 0.0 : tokens[from] * visits.of_nodes[node];
    }
  }
  const std::vector<Bytes> forwarded = received(pairs.nvlink, 10);
  const std::vector<Bytes> arrived = received(pairs.nic, 10);
  std::vector<double> on_node(3, 0.0);
  for (std::size_t rank = 0; rank < 10; ++rank) {
    EXPECT_NEAR(forwarded[rank] / byte, (all - landed[rank]) * visits.of_ranks[rank], 1e-9);
    on_node[node_of[rank]] += arrived[rank] / byte;
    for (std::size_t to = 0; to < 10; ++to) {
      EXPECT_TRUE(pairs.over_nic(rank, to) == Bytes() || node_of[rank] != node_of[to]);
      EXPECT_TRUE(pairs.over_nvlink(rank, to) == Bytes() || node_of[rank] == node_of[to]);
    }
  }
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_NEAR(on_node[node], crossed[node], 1e-9);
  }
}

TEST(CombineBytes, TakeTheSameWaysBack) {
  const Skewed skewed;
  const PlacedExperts group = place_experts(kV3, skewed.shape, skewed.plan);
  const PairBytes there = bytes_of(group, skewed.shape, 100.0, byte);
  const PairBytes back = reversed(there);
  for (std::size_t from = 0; from < 16; ++from) {
    for (std::size_t to = 0; to < 16; ++to) {
      EXPECT_EQ(back.over_nic(from, to), there.over_nic(to, from));
      EXPECT_EQ(back.over_nvlink(from, to), there.over_nvlink(to, from));
    }
  }
}

// Tokens of rank 0, drawn and sent one by one.
TEST(DispatchBytes, MatchTokensThatAreSentOneByOne) {
  const Skewed skewed;
  const PlacedExperts group = place_experts(kV3, skewed.shape, skewed.plan);
  std::vector<std::vector<std::size_t>> ranks_of(256);
  for (std::size_t slot = 0; slot < group.placement.expert_of_slot.size(); ++slot) {
    ranks_of[group.placement.expert_of_slot[slot]].push_back(slot /
                                                             group.placement.slots_of_rank());
  }
  std::vector<double> tokens(16, 0.0);
  tokens[0] = 1.0;
  const PairBytes expected =
      dispatch_bytes(skewed.shape, tokens, group.rank_visits, group.node_visits, byte);
  constexpr int kTokens = 20'000;
  std::vector<double> nic(256, 0.0);
  std::vector<double> nvlink(256, 0.0);
  TokenSampler sampler(group.routing);
  PortableRandom random(1);
  for (int token = 0; token < kTokens; ++token) {
    std::set<std::size_t> ranks;
    std::set<std::size_t> nodes;
    for (const std::size_t expert : sampler.draw(random)) {
      ranks.insert(ranks_of[expert][random.below(ranks_of[expert].size())]);
    }
    for (const std::size_t rank : ranks) {
      nodes.insert(rank / 4);
      nvlink[rank / 4 * 4 * 16 + rank] += rank % 4 == 0 ? 0.0 : 1.0 / kTokens;
    }
    for (const std::size_t node : nodes) {
      nic[node * 4] += node == 0 ? 0.0 : 1.0 / kTokens;
    }
  }
  const double tolerance = 5.0 * 0.5 / std::sqrt(kTokens);  // five deviations of a share
  for (std::size_t pair = 0; pair < 256; ++pair) {
    EXPECT_NEAR(nic[pair], expected.nic[pair] / byte, tolerance);
    EXPECT_NEAR(nvlink[pair], expected.nvlink[pair] / byte, tolerance);
  }
}

TEST(DispatchBytes, OfThreeHundredAndTwentyRanksAreWorkedOut) {
  const GroupShape shape = {.local = 8, .nodes = 40};
  const ExpertPlan plan = {
      .load = ZipfLoad{.exponent = 0.5}, .placement = PlacementPolicy::kBalanced, .redundant = 64};
  const PlacedExperts group = place_experts(kV3, shape, plan);
  const PairBytes pairs = bytes_of(group, shape, 1.0, byte);
  const std::vector<Bytes> left = sent(pairs.nic, pairs.ranks);
  const double nodes = std::accumulate(group.node_visits.begin(), group.node_visits.end(), 0.0);
  EXPECT_NEAR(left[13] / byte, nodes - group.node_visits[1], 1e-11);
}

TEST(DispatchedCopy, IsFp8WithScalesInFp8RecipesAndBf16Otherwise) {
  EXPECT_EQ(dispatched_copy({.gemm = Precision::kFp8Block, .recompute = {}}, 7168),
            Bytes{7168 + 56 * 4.0});
  EXPECT_EQ(dispatched_copy({.gemm = Precision::kBf16, .recompute = {}}, 7168), Bytes{7168 * 2.0});
  EXPECT_EQ(combined_copy(7168), Bytes{7168 * 2.0});
}

}  // namespace
}  // namespace towtank
