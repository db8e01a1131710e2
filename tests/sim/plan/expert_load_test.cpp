// Shares of token copies by Zipf's law, evenly, and as counted.
#include "sim/plan/expert_load.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

TEST(ExpertLoad, SharesAddUpToOne) {
  for (const ExpertLoad& load :
       {ExpertLoad(UniformLoad{}),
        ExpertLoad(ZipfLoad{.exponent = 0.7, .seed = 3}),
        ExpertLoad(CountedLoad{.source = {}, .counts = {4, 0, 3, 1, 8}})}) {
    const std::vector<double> shares = load_shares(load, 5);
    EXPECT_EQ(shares.size(), 5U);
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1.0, 1e-15);
  }
}

TEST(ExpertLoad, OfCountsIsInProportion) {
  EXPECT_THAT(load_shares(CountedLoad{.source = {}, .counts = {30, 10, 0}}, 3),
              testing::ElementsAre(0.75, 0.25, 0.0));
}

TEST(ZipfLoad, FallsWithTheRankByThePowerOfTheExponent) {
  std::vector<double> shares = load_shares(ZipfLoad{.exponent = 0.8, .seed = 9}, 64);
  std::ranges::sort(shares, std::greater<>());
  for (std::size_t rank = 1; rank <= shares.size(); ++rank) {
    EXPECT_NEAR(shares[rank - 1] / shares[0], std::pow(static_cast<double>(rank), -0.8), 1e-12);
  }
}

TEST(ZipfLoad, DealsTheSameSharesToOtherExpertsWithAnotherSeed) {
  std::vector<double> one = load_shares(ZipfLoad{.exponent = 0.5, .seed = 1}, 256);
  std::vector<double> other = load_shares(ZipfLoad{.exponent = 0.5, .seed = 2}, 256);
  EXPECT_NE(one, other);
  EXPECT_EQ(one, load_shares(ZipfLoad{.exponent = 0.5, .seed = 1}, 256));
  std::ranges::sort(one);
  std::ranges::sort(other);
  EXPECT_EQ(one, other);
}

TEST(ZipfLoad, OfExponentZeroIsUniform) {
  EXPECT_EQ(load_shares(ZipfLoad{.exponent = 0.0}, 32), load_shares(UniformLoad{}, 32));
}

TEST(GreatestZipfExponent, IsWhereTheMostPopularExpertGetsOneCopyOfEachToken) {
  const double exponent = greatest_zipf_exponent(256, 8);
  const auto copies = [](double at) {
    return 8.0 * std::ranges::max(load_shares(ZipfLoad{.exponent = at}, 256));
  };
  EXPECT_LE(copies(exponent), 1.0);
  EXPECT_GT(copies(exponent + 0.01), 1.0);
  EXPECT_DOUBLE_EQ(greatest_zipf_exponent(8, 8), 0.0);
}

}  // namespace
}  // namespace towtank
