// Drawn tokens against the distribution they are drawn from.
#include "sim/plan/token_sampler.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "sim/plan/routing_fit.hpp"
#include "tests/sim/plan/routing_enumeration.hpp"

namespace towtank {
namespace {

// Pearson's statistic over all sets of experts: its mean is their number less one, its deviation
// the root of twice that; six deviations are far beyond chance.
TEST(TokenSampler, DrawsEverySetOfExpertsAsOftenAsItShould) {
  constexpr int kTokens = 20'000;
  std::mt19937 generator(1);
  PortableRandom random(7);
  for (const ExpertLayer& layer : small_layers()) {
    const std::vector<double> chances = random_chances(layer, generator);
    TokenSampler sampler(TokenRouting(layer, chances));
    std::map<std::uint32_t, int> drawn;
    for (int token = 0; token < kTokens; ++token) {
      std::uint32_t set = 0;
      for (const std::size_t expert : sampler.draw(random)) {
        set |= 1U << expert;
      }
      ++drawn[set];
    }
    double statistic = 0.0;
    double cells = 0.0;
    double expected_of_rare = 0.0;
    double drawn_of_rare = 0.0;
    for (const auto& [set, probability] : enumerated_visits(layer, chances)) {
      const double expected = kTokens * probability;
      if (expected < 5.0) {
        expected_of_rare += expected;
        drawn_of_rare += drawn[set];
      } else {
        statistic += (drawn[set] - expected) * (drawn[set] - expected) / expected;
        cells += 1.0;
      }
    }
    if (expected_of_rare > 0.0) {
      const double miss = drawn_of_rare - expected_of_rare;
      statistic += miss * miss / std::max(expected_of_rare, 5.0);
    }
    EXPECT_LT(statistic, cells + 6.0 * std::sqrt(2.0 * cells + 1.0)) << layer.experts;
  }
}

TEST(TokenSampler, KeepsToTopKExpertsInTheGroupsATokenMayUse) {
  const ExpertLayer layer = {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};
  const RoutingFit fit = fit_routing(layer, load_shares(ZipfLoad{.exponent = 0.8}, 256));
  ASSERT_TRUE(fit.routing);
  TokenSampler sampler(*fit.routing);
  PortableRandom random(3);
  for (int token = 0; token < 2'000; ++token) {
    const std::vector<std::size_t>& visited = sampler.draw(random);
    const std::set<std::size_t> distinct(visited.begin(), visited.end());
    std::set<std::size_t> groups;
    std::ranges::for_each(distinct, [&](std::size_t expert) { groups.insert(expert / 32); });
    ASSERT_EQ(visited.size(), 8U);
    ASSERT_EQ(distinct.size(), 8U);
    ASSERT_LE(groups.size(), 4U);
  }
}

TEST(TokenSampler, DrawsTheSameTokensFromTheSameSeed) {
  const TokenRouting routing({.experts = 6, .top_k = 2}, {0.1, 0.2, 0.3, 0.4, 0.5, 0.6});
  TokenSampler one(routing);
  TokenSampler other(routing);
  PortableRandom first(11);
  PortableRandom second(11);
  for (int token = 0; token < 100; ++token) {
    EXPECT_EQ(one.draw(first), other.draw(second));
  }
}

}  // namespace
}  // namespace towtank
