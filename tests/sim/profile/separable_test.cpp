#include "sim/profile/fit/separable.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace towtank {
namespace {

Sites line(std::size_t knots) {
  Sites sites;
  for (std::size_t i = 0; i < knots; ++i) {
    sites.at.push_back(static_cast<double>(i));
  }
  return sites;
}

Sites pairs() {
  return {.width = 2, .at = {0, 0, 0, 2, 1, 1, 2, 0, 2, 3, 4, 4, 5, 1, 5, 5}};
}

/// A function of two lines and a direction of pairs with random factors.
Separable planted(int rank, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Separable function = {.sites = {line(9), line(7), pairs()}, .factors = {}, .rank = rank};
  for (const Sites& sites : function.sites) {
    std::vector<float> factors(sites.count() * static_cast<std::size_t>(rank));
    for (float& factor : factors) {
      factor = static_cast<float>(static_cast<double>(random() % 2000) / 1000.0 - 1.0);
    }
    function.factors.push_back(std::move(factors));
  }
  return function;
}

/// The function at every combination of sites, of which a share is left out.
Observations on_sites(const Separable& function, double share, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Observations seen = {.width = function.width(), .at = {}, .values = {}};
  for (std::size_t i = 0; i < function.sites[0].count(); ++i) {
    for (std::size_t j = 0; j < function.sites[1].count(); ++j) {
      for (std::size_t k = 0; k < function.sites[2].count(); ++k) {
        if (static_cast<double>(random() % 1000) >= 1000.0 * share) {
          continue;
        }
        const std::vector<double> at = {function.sites[0].at[i],
                                        function.sites[1].at[j],
                                        function.sites[2].site(k)[0],
                                        function.sites[2].site(k)[1]};
        seen.at.insert(seen.at.end(), at.begin(), at.end());
        seen.values.push_back(value(function, at));
      }
    }
  }
  return seen;
}

/// Root of the mean square difference at the places of `observations`.
double miss(const Separable& function, const Observations& observations) {
  double sum = 0.0;
  for (std::size_t row = 0; row < observations.values.size(); ++row) {
    const double difference = value(function, observations.place(row)) - observations.values[row];
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(observations.values.size()));
}

constexpr SeparableOptions kExact = {
    .rank = 2, .ridge = 1e-6, .smooth = 1e-7, .iterations = 300, .robust = false};

TEST(Separable, FindsAFunctionOfItsRankFromHalfOfItsValues) {
  const Separable truth = planted(2, 1);
  const Separable found = fit_separable(on_sites(truth, 0.5, 2), truth.sites, kExact);
  EXPECT_LT(miss(found, on_sites(truth, 1.0, 3)), 0.01);
}

TEST(Separable, FindsItFromValuesBetweenTheKnots) {
  Separable truth = planted(2, 4);
  std::mt19937_64 random(5);
  Observations between = {.width = 4, .at = {}, .values = {}};
  for (int i = 0; i < 3000; ++i) {
    const auto pair = truth.sites[2].site(random() % truth.sites[2].count());
    const std::vector<double> at = {static_cast<double>(random() % 8000) / 1000.0,
                                    static_cast<double>(random() % 6000) / 1000.0,
                                    pair[0],
                                    pair[1]};
    between.at.insert(between.at.end(), at.begin(), at.end());
    between.values.push_back(value(truth, at));
  }
  const Separable found = fit_separable(between, truth.sites, kExact);
  EXPECT_LT(miss(found, on_sites(truth, 1.0, 6)), 0.01);
}

TEST(Separable, ValueIsTheSumOfProducts) {
  const Separable function = planted(3, 7);
  const std::vector<double> at = {2.25, 4.5, 2, 3};  // the last two: site 4 of the pairs
  const auto factor = [&function](std::size_t direction, std::size_t site, std::size_t product) {
    return static_cast<double>(function.factors[direction][site * 3U + product]);
  };
  double expected = 0.0;
  for (std::size_t r = 0; r < 3; ++r) {
    expected += (0.75 * factor(0, 2, r) + 0.25 * factor(0, 3, r)) *
                (0.5 * factor(1, 4, r) + 0.5 * factor(1, 5, r)) * factor(2, 4, r);
  }
  EXPECT_NEAR(value(function, at), expected, 1e-5);
}

TEST(Separable, HasNoJumps) {
  const Separable function = planted(4, 8);
  std::mt19937_64 random(9);
  const auto step = [&random] { return (static_cast<double>(random() % 2001) - 1000.0) * 1e-9; };
  for (int i = 0; i < 20000; ++i) {
    // Half of the walks start on a site, where the blend of scattered sites is singular.
    std::vector<double> from = {static_cast<double>(random() % 120) / 10.0 - 2.0,
                                static_cast<double>(random() % 100) / 10.0 - 2.0,
                                static_cast<double>(random() % 80) / 10.0 - 1.0,
                                static_cast<double>(random() % 80) / 10.0 - 1.0};
    if (i % 2 == 0) {
      const auto pair = function.sites[2].site(random() % function.sites[2].count());
      from[2] = pair[0];
      from[3] = pair[1];
    }
    std::vector<double> to = from;
    for (double& coordinate : to) {
      coordinate += step();
    }
    ASSERT_NEAR(value(function, from), value(function, to), 1e-4);
  }
}

TEST(Separable, IsConstantBeyondItsKnotsAndSaysHowFar) {
  const Separable function = planted(2, 10);
  const std::vector<double> edge = {8, 0, 1, 1};
  const std::vector<double> beyond = {11, -4, 1, 1};
  EXPECT_DOUBLE_EQ(value(function, edge), value(function, beyond));
  EXPECT_DOUBLE_EQ(reach(function, beyond).outside, 5.0);
  EXPECT_DOUBLE_EQ(reach(function, beyond).between, 0.0);
  EXPECT_DOUBLE_EQ(reach(function, edge).outside, 0.0);
}

TEST(Separable, DistanceToScatteredSitesIsToTheNearestAndItsBounds) {
  const Separable function = planted(2, 11);
  EXPECT_DOUBLE_EQ(reach(function, std::vector<double>{0.25, 0, 1, 1}).between, 0.25);
  EXPECT_NEAR(reach(function, std::vector<double>{0, 0, 1, 1.5}).between, 0.5, 1e-12);
  EXPECT_NEAR(reach(function, std::vector<double>{0, 0, 5, 7}).outside, 2.0, 1e-12);
}

TEST(Separable, FarOutliersMoveLittle) {
  const Separable truth = planted(2, 12);
  Observations disturbed = on_sites(truth, 1.0, 13);
  for (std::size_t row = 0; row < disturbed.values.size(); row += 25) {
    disturbed.values[row] += 3.0;
  }
  SeparableOptions options = kExact;
  options.ridge = 1e-3;
  const double plain =
      miss(fit_separable(disturbed, truth.sites, options), on_sites(truth, 1.0, 14));
  options.robust = true;
  const double robust =
      miss(fit_separable(disturbed, truth.sites, options), on_sites(truth, 1.0, 14));
  EXPECT_LT(robust, 0.1 * plain);
}

TEST(Separable, DirectionOfOneSiteTakesNoFactors) {
  Observations seen = {.width = 2, .at = {}, .values = {}};
  for (int i = 0; i < 9; ++i) {
    seen.at.insert(seen.at.end(), {static_cast<double>(i), 5.0});
    seen.values.push_back(0.1 * i);
  }
  SeparableOptions options = kExact;
  options.rank = 1;
  const Separable found = fit_separable(seen, {line(9), {.width = 1, .at = {5.0}}}, options);
  EXPECT_TRUE(found.factors[1].empty());
  EXPECT_LT(miss(found, seen), 1e-3);
  EXPECT_DOUBLE_EQ(reach(found, std::vector<double>{3.0, 7.0}).outside, 2.0);
}

TEST(Separable, ASiteThatWasNeverSeenTakesAfterItsNeighbours) {
  Observations seen = {.width = 1, .at = {}, .values = {}};
  for (const double at : {0.0, 1.0, 2.0, 4.0, 5.0, 6.0}) {
    seen.at.push_back(at);
    seen.values.push_back(1.0 + 0.1 * at);
  }
  const Separable found =
      fit_separable(seen, {line(7)}, {.rank = 1, .ridge = 1e-6, .smooth = 1e-3});
  EXPECT_NEAR(value(found, std::vector<double>{3.0}), 1.3, 0.05);
}

TEST(Separable, IsTheSameEveryTime) {
  const Separable truth = planted(3, 15);
  const Observations seen = on_sites(truth, 0.7, 16);
  const Separable once = fit_separable(seen, truth.sites, {.rank = 3});
  const Separable again = fit_separable(seen, truth.sites, {.rank = 3});
  EXPECT_EQ(once.factors, again.factors);
}

}  // namespace
}  // namespace towtank
