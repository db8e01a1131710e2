// Packing of weights into bins of equally many, against all ways to pack.
#include "sim/plan/even_packing.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace towtank {
namespace {

double heaviest(const std::vector<std::size_t>& bin_of,
                const std::vector<double>& weights,
                std::size_t bins) {
  std::vector<double> sums(bins, 0.0);
  for (std::size_t item = 0; item < weights.size(); ++item) {
    sums[bin_of[item]] += weights[item];
  }
  return std::ranges::max(sums);
}

std::vector<std::size_t> own_kinds(std::size_t items) {
  std::vector<std::size_t> kinds(items);
  std::iota(kinds.begin(), kinds.end(), std::size_t{0});
  return kinds;
}

TEST(PackEvenly, FillsEveryBinWithEquallyMany) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  for (const std::size_t bins : {1U, 2U, 5U, 8U}) {
    for (const std::size_t room : {1U, 2U, 7U}) {
      std::vector<double> weights(bins * room);
      std::ranges::generate(weights, [&] { return unit(random); });
      std::vector<std::size_t> bin_of = pack_evenly(weights, own_kinds(weights.size()), bins);
      for (std::size_t bin = 0; bin < bins; ++bin) {
        EXPECT_EQ(std::ranges::count(bin_of, bin), static_cast<std::ptrdiff_t>(room));
      }
    }
  }
}

// The heaviest with the lightest: nothing is left to exchange.
TEST(PackEvenly, PairsHeavyWithLight) {
  const std::vector<double> weights = {8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(heaviest(pack_evenly(weights, own_kinds(8), 4), weights, 4), 9.0);
}

TEST(PackEvenly, KeepsItemsOfOneKindApartWhereItCan) {
  const std::vector<double> weights = {3, 3, 1, 1};
  const std::vector<std::size_t> kinds = {0, 0, 1, 2};
  const std::vector<std::size_t> bin_of = pack_evenly(weights, kinds, 2);
  EXPECT_NE(bin_of[0], bin_of[1]);
  const std::vector<std::size_t> same = pack_evenly(weights, std::vector<std::size_t>(4, 0), 2);
  EXPECT_EQ(std::ranges::count(same, 0U), 2);
}

TEST(Exchanged, NeverMakesTheHeaviestBinHeavier) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<double> weights(24);
    std::ranges::generate(weights, [&] { return unit(random); });
    std::vector<std::size_t> bin_of(24);
    for (std::size_t item = 0; item < bin_of.size(); ++item) {
      bin_of[item] = item / 4;
    }
    const std::vector<std::size_t> after = exchanged(bin_of, weights, own_kinds(24), 6);
    EXPECT_LT(heaviest(after, weights, 6), heaviest(bin_of, weights, 6));
    EXPECT_GE(heaviest(after, weights, 6),
              std::accumulate(weights.begin(), weights.end(), 0.0) / 6.0);
  }
}

// Eight items in two bins can be packed in 35 ways: the exchanges find nearly the best.
TEST(PackEvenly, IsNearTheBestPacking) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  double excess = 0.0;
  constexpr int kTrials = 100;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> weights(8);
    std::ranges::generate(weights, [&] { return unit(random); });
    double best = 8.0;
    std::vector<std::size_t> bin_of = {0, 0, 0, 0, 1, 1, 1, 1};
    do {
      best = std::min(best, heaviest(bin_of, weights, 2));
    } while (std::ranges::next_permutation(bin_of).found);
    const double found = heaviest(pack_evenly(weights, own_kinds(8), 2), weights, 2);
    EXPECT_GE(found, best - 1e-12);
    EXPECT_LE(found, 1.1 * best);
    excess += (found / best - 1.0) / kTrials;
  }
  EXPECT_LT(excess, 0.01);
}

}  // namespace
}  // namespace towtank
