// Routers whose experts receive wanted loads, and loads that no router makes.
#include "sim/plan/routing_fit.hpp"

#include <numeric>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/plan/routing_enumeration.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

ExpertLayer deepseek_v3_experts() {
  return {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};
}

std::vector<double> shares_of(std::vector<double> visits) {
  const double sum = std::accumulate(visits.begin(), visits.end(), 0.0);
  for (double& visit : visits) {
    visit /= sum;
  }
  return visits;
}

std::string problem_of(const ExpertLayer& layer, const std::vector<double>& shares) {
  const RoutingFit fit = fit_routing(layer, shares);
  EXPECT_NE(fit.routing.has_value(), fit.problem.has_value());
  return fit.problem ? fit.problem->message : "";
}

// Loads determine the routing: from the visits alone the fit finds the router that made them.
TEST(RoutingFit, FindsTheRoutingThatMadeTheLoads) {
  std::mt19937 random(1);
  for (const ExpertLayer& layer : small_layers()) {
    const TokenRouting made(layer, random_chances(layer, random));
    const RoutingFit fit = fit_routing(layer, shares_of(made.visits()));
    ASSERT_TRUE(fit.routing) << fit.problem->message;
    for (int trial = 0; trial < 5; ++trial) {
      const std::vector<double> part = random_part(static_cast<std::size_t>(layer.experts), random);
      EXPECT_NEAR(fit.routing->visit_probability(part), made.visit_probability(part), 1e-9);
    }
  }
}

TEST(RoutingFit, LoadsTheExpertsAsWanted) {
  for (const ExpertLayer& layer : {deepseek_v3_experts(), {.experts = 256, .top_k = 8}}) {
    for (const double exponent : {0.0, 0.2, 0.5, 0.8, 0.89}) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const std::vector<double> shares =
            load_shares(ZipfLoad{.exponent = exponent, .seed = seed}, layer.experts);
        const RoutingFit fit = fit_routing(layer, shares);
        ASSERT_TRUE(fit.routing) << exponent << ": " << fit.problem->message;
        const std::vector<double> visits = fit.routing->visits();
        for (std::size_t expert = 0; expert < visits.size(); ++expert) {
          EXPECT_NEAR(visits[expert], 8.0 * shares[expert], 2e-13);
        }
        EXPECT_LE(fit.rounds, 100);
      }
    }
  }
}

TEST(RoutingFit, NeedsNoRoundForUniformLoads) {
  const RoutingFit fit = fit_routing(deepseek_v3_experts(), load_shares(UniformLoad{}, 256));
  ASSERT_TRUE(fit.routing);
  EXPECT_EQ(fit.rounds, 0);
  EXPECT_LT(fit.error, 1e-15);
}

// Where a token visits one expert of a single group the weights are the loads.
TEST(RoutingFit, OfOneVisitTakesTheSharesThemselves) {
  const std::vector<double> shares = {0.9989, 0.001, 0.0001};
  const RoutingFit fit = fit_routing({.experts = 3, .top_k = 1}, shares);
  ASSERT_TRUE(fit.routing);
  EXPECT_LT(fit.rounds, 10);
  EXPECT_LT(fit.error, 1e-13);
}

TEST(RoutingFit, TakesExpertsThatEveryTokenVisitsAndOnesThatNoneDoes) {
  const RoutingFit fit =
      fit_routing({.experts = 4, .top_k = 2}, std::vector<double>{0.5, 0.3, 0.2, 0.0});
  ASSERT_TRUE(fit.routing);
  const std::vector<double> visits = fit.routing->visits();
  EXPECT_DOUBLE_EQ(visits[0], 1.0);
  EXPECT_NEAR(visits[1], 0.6, 1e-12);
  EXPECT_DOUBLE_EQ(visits[3], 0.0);
}

TEST(RoutingFit, RefusesMoreThanOneCopyOfATokenForAnExpert) {
  EXPECT_THAT(problem_of({.experts = 4, .top_k = 2}, {0.2, 0.6, 0.1, 0.1}),
              HasSubstr("expert 1 would get 1.2 copies of each token"));
}

// Each of three groups has an expert that 0.9 of the tokens visit, but a token may use two.
TEST(RoutingFit, RefusesLoadsThatNeedMoreGroupsThanATokenMayUse) {
  const ExpertLayer layer = {.experts = 6, .top_k = 3, .groups = 3, .groups_per_token = 2};
  EXPECT_THAT(problem_of(layer, {0.3, 1.0 / 30, 0.3, 1.0 / 30, 0.3, 1.0 / 30}),
              HasSubstr("need 2.7 expert groups a token"));
}

// All visits to a group of two experts must be made two at a time.
TEST(RoutingFit, RefusesMoreVisitsToAGroupThanItHasExperts) {
  const ExpertLayer layer = {.experts = 4, .top_k = 2, .groups = 2, .groups_per_token = 1};
  EXPECT_EQ(problem_of(layer, {0.25, 0.25, 0.25, 0.25}), "");
  EXPECT_THAT(problem_of(layer, {0.4, 0.1, 0.25, 0.25}), HasSubstr("expert groups a token"));
}

TEST(RoutingFit, RefusesLayersBeyondReason) {
  EXPECT_THAT(problem_of({.experts = 65536, .top_k = 512}, load_shares(UniformLoad{}, 65536)),
              HasSubstr("more than Towtank works out"));
}

// What is not refused is fitted, whatever the layer and the loads.
TEST(RoutingFit, FitsEveryLoadThatIsNotRefused) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  int fitted = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const auto groups = static_cast<std::int64_t>(1 + random() % 5);
    const auto size = static_cast<std::int64_t>(1 + random() % 7);
    const auto used = static_cast<std::int64_t>(1 + random() % static_cast<unsigned>(groups));
    const auto top_k = static_cast<std::int64_t>(1 + random() % static_cast<unsigned>(used * size));
    const ExpertLayer layer = {
        .experts = groups * size, .top_k = top_k, .groups = groups, .groups_per_token = used};
    std::vector<double> visits(static_cast<std::size_t>(layer.experts));
    const double skew = 2.0 * unit(random);
    for (double& visit : visits) {
      visit = std::pow(0.01 + unit(random), skew);
    }
    const std::vector<double> shares = shares_of(visits);
    const RoutingFit fit = fit_routing(layer, shares);
    if (!fit.routing) {
      EXPECT_FALSE(fit.problem->message.empty());
      continue;
    }
    ++fitted;
    visits = fit.routing->visits();
    for (std::size_t expert = 0; expert < visits.size(); ++expert) {
      EXPECT_NEAR(visits[expert], static_cast<double>(top_k) * shares[expert], 1e-9);
    }
  }
  EXPECT_GT(fitted, 150);
}

}  // namespace
}  // namespace towtank
