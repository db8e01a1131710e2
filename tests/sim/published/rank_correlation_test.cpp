#include "sim/published/rank_correlation.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using ::testing::ElementsAre;

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  return rank_correlation(a, b).value();
}

TEST(RankCorrelation, EqualValuesShareARank) {
  const std::vector<double> values = {30.0, 10.0, 20.0, 20.0};
  EXPECT_THAT(ranks_of(values), ElementsAre(4.0, 1.0, 2.5, 2.5));
}

TEST(RankCorrelation, SeesOrderAndNothingElse) {
  EXPECT_DOUBLE_EQ(spearman({1, 2, 3, 4}, {1, 10, 100, 1000}), 1.0);
  EXPECT_DOUBLE_EQ(spearman({1, 2, 3, 4}, {-1, -8, -27, -64}), -1.0);
}

TEST(RankCorrelation, MatchesTheFormulaOfSquaredDifferences) {
  // Without ties rho = 1 - 6 sum d^2 / (n (n^2 - 1)); here d = 0, 1, -1, 0, 0.
  EXPECT_NEAR(spearman({1, 2, 3, 4, 5}, {1, 3, 2, 4, 5}), 1.0 - 6.0 * 2.0 / (5.0 * 24.0), 1e-12);
}

TEST(RankCorrelation, SaysNothingWhereThereIsNoOrder) {
  EXPECT_FALSE(rank_correlation(std::vector<double>{1.0}, std::vector<double>{2.0}).has_value());
  EXPECT_FALSE(
      rank_correlation(std::vector<double>{1, 1, 1}, std::vector<double>{1, 2, 3}).has_value());
}

}  // namespace
}  // namespace towtank
