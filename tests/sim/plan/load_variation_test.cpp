// The busiest rank of finitely many tokens.
#include "sim/plan/load_variation.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "sim/plan/routing_fit.hpp"
#include "tests/sim/plan/routing_enumeration.hpp"

namespace towtank {
namespace {

TokenRouting uniform(const ExpertLayer& layer) {
  return *fit_routing(layer, load_shares(UniformLoad{}, layer.experts)).routing;
}

const ExpertLayer kV3 = {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};

// All outcomes of one token, with their probabilities.
TEST(LoadVariation, OfOneTokenIsTheMeanOverAllItsRoutes) {
  const ExpertLayer layer = {.experts = 8, .top_k = 3, .groups = 4, .groups_per_token = 2};
  const std::vector<double> chances = {0.7, 0.2, 0.3, 0.5, 0.1, 0.4, 0.6, 0.2};
  const ExpertPlacement placement = place_in_order(8, 0, 2);
  double expected = 0.0;
  for (const auto& [set, probability] : enumerated_visits(layer, chances)) {
    const int first = std::popcount(set & 0xFU);
    expected += probability * std::max(first, 3 - first) / 1.5;
  }
  const LoadVariation drawn = draw_load_variation(TokenRouting(layer, chances), placement, 1, 1);
  EXPECT_EQ(drawn.micro_batches, 1024);
  EXPECT_NEAR(drawn.peak, expected, 5.0 * drawn.standard_error);
}

// Where a token visits one of as many experts as ranks, ranks are filled like boxes with balls:
// counts of many tokens are normal with variance T (1/n)(1 - 1/n), which this draws directly.
TEST(LoadVariation, OfManyTokensIsThatOfNormalDeviations) {
  const ExpertLayer layer = {.experts = 16, .top_k = 1};
  constexpr int kTokens = 4096;
  std::mt19937 random(1);
  std::normal_distribution<double> normal(0.0, 1.0);
  double expected = 0.0;
  constexpr int kDraws = 20'000;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> deviations(16);
    double mean = 0.0;
    for (double& deviation : deviations) {
      deviation = normal(random);
      mean += deviation / 16.0;
    }
    expected += (std::ranges::max(deviations) - mean) / kDraws;
  }
  expected = 1.0 + expected * std::sqrt(16.0 / kTokens);
  const LoadVariation drawn =
      draw_load_variation(uniform(layer), place_in_order(16, 0, 16), kTokens, 1);
  EXPECT_NEAR(drawn.peak, expected, 5.0 * drawn.standard_error + 0.002);
}

TEST(LoadVariation, FallsWithTheNumberOfTokensToTheExpectedLoad) {
  const ExpertPlacement placement = place_in_order(256, 0, 64);
  double before = 100.0;
  for (const std::int64_t tokens : {64, 512, 4096, 65536}) {
    const double peak = draw_load_variation(uniform(kV3), placement, tokens, 1).peak;
    EXPECT_LT(peak, before);
    EXPECT_GT(peak, 1.0);
    before = peak;
  }
  EXPECT_LT(before, 1.04);
}

TEST(LoadVariation, OfSkewedLoadsIsAtLeastTheExpectedPeak) {
  const auto fit = fit_routing(kV3, load_shares(ZipfLoad{.exponent = 0.6}, 256));
  ASSERT_TRUE(fit.routing);
  const ExpertPlacement placement = place_in_order(256, 0, 64);
  const double expected = peak_over_mean(rank_loads(placement, fit.routing->visits()));
  const LoadVariation drawn = draw_load_variation(*fit.routing, placement, 2048, 1);
  EXPECT_GT(drawn.peak, expected - 5.0 * drawn.standard_error);
  EXPECT_LT(drawn.peak, expected * 1.1);
}

TEST(LoadVariation, IsNoneWhenEveryTokenVisitsEveryRank) {
  const ExpertLayer layer = {.experts = 4, .top_k = 4};
  const LoadVariation drawn = draw_load_variation(uniform(layer), place_in_order(4, 0, 4), 100, 1);
  EXPECT_DOUBLE_EQ(drawn.peak, 1.0);
  EXPECT_DOUBLE_EQ(drawn.standard_error, 0.0);
}

TEST(LoadVariation, IsTheSameWithTheSameSeed) {
  const ExpertPlacement placement = place_in_order(256, 64, 64);
  const LoadVariation one = draw_load_variation(uniform(kV3), placement, 20'000, 3);
  EXPECT_EQ(one.peak, draw_load_variation(uniform(kV3), placement, 20'000, 3).peak);
  EXPECT_NE(one.peak, draw_load_variation(uniform(kV3), placement, 20'000, 4).peak);
}

}  // namespace
}  // namespace towtank
