// A function of several sizes as a short sum of products, each of functions of one size or of a few
// sizes together:
//
//   f(x) = sum over r of  product over directions d of  g[r][d](x[d])
//
// Along a direction of one size every g is linear between its sites (the knots) and constant beyond
// them. A direction of several sizes holds combinations that belong together, such as the shapes of
// known models: g is known at these sites and blended between the nearest of them elsewhere.
// Fitted by alternating least squares (Carroll and Chang 1970; Harshman 1970: the canonical
// polyadic decomposition), it holds a table of tens of thousands of kernel times in one or two
// thousand numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace towtank {

/// Where the functions of one direction are known: `at` holds (sites x width) coordinates, row by
/// row, in ascending (for several sizes: lexicographic) order, no site twice.
struct Sites {
  std::size_t width = 1;  // sizes of this direction
  std::vector<double> at;

  std::size_t count() const { return at.size() / width; }
  std::span<const double> site(std::size_t index) const {
    return std::span(at).subspan(index * width, width);
  }
  friend bool operator==(const Sites&, const Sites&) = default;
};

/// The sites that speak for a place, with weights that sum to one and change continuously with it.
struct Blend {
  static constexpr std::size_t kMost = 6;
  std::array<std::size_t, kMost> site = {};
  std::array<double, kMost> weight = {};
  std::size_t count = 0;
  double between = 0.0;  // distance to the nearest site, once the place is within their bounds
  double outside = 0.0;  // distance to the bounds of the sites; zero inside
};

/// Coordinates closer than this are the same place.
inline constexpr double kSamePlace = 1e-6;

/// `at` holds the direction's coordinates. `sites` must not be empty.
Blend blend(const Sites& sites, std::span<const double> at);

struct Separable {
  static constexpr int kMostRank = 64;
  std::vector<Sites> sites;  // (directions)
  /// (directions, sites of the direction x rank); none where all factors are one, as along a
  /// direction of one site.
  std::vector<std::vector<float>> factors;
  int rank = 0;

  /// Coordinates of a place: those of all directions in turn.
  std::size_t width() const;
};

/// f at a place. Continuous everywhere; constant outside the sites.
double value(const Separable& function, std::span<const double> at);

/// The same where the blends of all directions are known.
double value(const Separable& function, std::span<const Blend> blends);

/// How far `at` is from what was fitted.
struct Reach {
  double between = 0.0;  // Euclidean distance to the nearest sites, once within their bounds
  double outside = 0.0;  // Euclidean distance to the bounds of the sites; zero inside
};
Reach reach(const Separable& function, std::span<const double> at);

/// Values observed at places. (values x width of a place), row by row
struct Observations {
  std::size_t width = 0;
  std::vector<double> at;
  std::vector<double> values;

  std::span<const double> place(std::size_t row) const {
    return std::span(at).subspan(row * width, width);
  }
};

struct SeparableOptions {
  int rank = 12;
  double ridge = 0.05;   // penalty on the square of a factor, in units of one observation
  double smooth = 0.02;  // penalty on the square of the change between neighbouring knots
  int iterations = 40;
  bool robust = true;  // weigh down what lies far off, so that the median error falls
  std::uint64_t seed = 0;
};

/// The function of this rank on these sites that is nearest to the observations. Deterministic. A
/// site that no observation touches takes the factors of its neighbours. In directions of several
/// sizes an observation counts for its nearest site.
Separable fit_separable(const Observations& observations,
                        std::vector<Sites> sites,
                        const SeparableOptions& options);

}  // namespace towtank
