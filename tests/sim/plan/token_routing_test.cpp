// Closed forms of skewed routing against all routes of small layers, and against balanced routing.
#include "sim/plan/token_routing.hpp"

#include <numeric>

#include <gtest/gtest.h>

#include "sim/plan/expert_traffic.hpp"
#include "tests/sim/plan/routing_enumeration.hpp"

namespace towtank {
namespace {

std::vector<double> first_experts(std::int64_t experts, std::int64_t count) {
  std::vector<double> part(static_cast<std::size_t>(experts), 0.0);
  std::fill_n(part.begin(), count, 1.0);
  return part;
}

double enumerated_visit(const ExpertLayer& layer,
                        std::span<const double> chances,
                        std::span<const double> part) {
  double visited = 0.0;
  for (const auto& [set, probability] : enumerated_visits(layer, chances)) {
    double missed = 1.0;
    for (std::size_t expert = 0; expert < part.size(); ++expert) {
      missed *= (set >> expert & 1U) != 0U ? 1.0 - part[expert] : 1.0;
    }
    visited += probability * (1.0 - missed);
  }
  return visited;
}

TEST(TokenRouting, VisitsEachExpertAsOftenAsAllRoutesTogetherDo) {
  std::mt19937 random(1);
  for (const ExpertLayer& layer : small_layers()) {
    for (int trial = 0; trial < 5; ++trial) {
      const std::vector<double> chances = random_chances(layer, random);
      const std::vector<double> visits = TokenRouting(layer, chances).visits();
      std::vector<double> counted(visits.size(), 0.0);
      for (const auto& [set, probability] : enumerated_visits(layer, chances)) {
        for (std::size_t expert = 0; expert < counted.size(); ++expert) {
          counted[expert] += (set >> expert & 1U) != 0U ? probability : 0.0;
        }
      }
      for (std::size_t expert = 0; expert < counted.size(); ++expert) {
        EXPECT_NEAR(visits[expert], counted[expert], 1e-13);
      }
    }
  }
}

TEST(TokenRouting, VisitsPlacesAsOftenAsAllRoutesTogetherDo) {
  std::mt19937 random(2);
  for (const ExpertLayer& layer : small_layers()) {
    const std::vector<double> chances = random_chances(layer, random);
    const TokenRouting routing(layer, chances);
    for (int trial = 0; trial < 5; ++trial) {
      const std::vector<double> part = random_part(chances.size(), random);
      EXPECT_NEAR(routing.visit_probability(part), enumerated_visit(layer, chances, part), 1e-13);
    }
  }
}

TEST(TokenRouting, EqualsBalancedRoutingWhenAllWeightsAreEqual) {
  const std::vector<ExpertLayer> layers = {
      {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4},
      {.experts = 256, .top_k = 8},
      {.experts = 160, .top_k = 6, .groups = 8, .groups_per_token = 3},
      {.experts = 128, .top_k = 8},
      {.experts = 512, .top_k = 10},
      {.experts = 8, .top_k = 2}};
  for (const ExpertLayer& layer : layers) {
    for (const double chance : {0.01, 0.05, 0.3}) {
      const TokenRouting routing(
          layer, std::vector<double>(static_cast<std::size_t>(layer.experts), chance));
      const std::int64_t group = layer.experts / layer.groups;
      for (std::int64_t part = 1; part <= layer.experts; ++part) {
        if (part <= group ? group % part == 0 : part % group == 0) {
          EXPECT_NEAR(routing.visit_probability(first_experts(layer.experts, part)),
                      visit_probability(layer, part),
                      1e-12);
        }
      }
    }
  }
}

TEST(TokenRouting, VisitsAnExpertAtMostOnceAndTopKInAll) {
  std::mt19937 random(3);
  const ExpertLayer layer = {.experts = 256, .top_k = 8, .groups = 8, .groups_per_token = 4};
  const std::vector<double> visits = TokenRouting(layer, random_chances(layer, random)).visits();
  EXPECT_NEAR(std::accumulate(visits.begin(), visits.end(), 0.0), 8.0, 1e-12);
  EXPECT_LE(*std::max_element(visits.begin(), visits.end()), 1.0);
}

TEST(TokenRouting, VisitsExpertsOfChanceOneAlwaysAndOfChanceZeroNever) {
  const ExpertLayer layer = {.experts = 6, .top_k = 3, .groups = 3, .groups_per_token = 2};
  const TokenRouting routing(layer, {1.0, 0.5, 0.2, 0.3, 0.0, 0.6});
  const std::vector<double> visits = routing.visits();
  EXPECT_DOUBLE_EQ(visits[0], 1.0);
  EXPECT_DOUBLE_EQ(visits[4], 0.0);
  EXPECT_NEAR(std::accumulate(visits.begin(), visits.end(), 0.0), 3.0, 1e-13);
  EXPECT_DOUBLE_EQ(routing.visit_probability(std::vector<double>{1.0, 0, 0, 0, 0, 0}), 1.0);
}

// A popular expert makes its group's other experts likelier: it is used more often.
TEST(TokenRouting, DrawsVisitsToTheGroupOfAPopularExpert) {
  const ExpertLayer layer = {.experts = 12, .top_k = 3, .groups = 3, .groups_per_token = 1};
  std::vector<double> chances(12, 0.2);
  chances[0] = 0.9;
  const std::vector<double> visits = TokenRouting(layer, chances).visits();
  EXPECT_GT(visits[1], visits[5]);
}

TEST(TokenRouting, IsImpossibleWithFewerExpertsThanATokenMustVisit) {
  const ExpertLayer layer = {.experts = 4, .top_k = 3};
  EXPECT_ANY_THROW(TokenRouting(layer, {0.5, 0.5, 0.0, 0.0}));
}

}  // namespace
}  // namespace towtank
