#include "sim/profile/fit/separable.hpp"

#include <algorithm>
#include <cmath>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// Linear between two knots.
Blend blend_of_line(const std::vector<double>& knots, double x) {
  Blend result;
  const auto above = std::ranges::upper_bound(knots, x);
  const auto next = static_cast<std::size_t>(above - knots.begin());
  if (next == 0 || next == knots.size()) {
    const std::size_t edge = next == 0 ? 0 : next - 1;
    result.site[0] = edge;
    result.weight[0] = 1.0;
    result.count = 1;
    result.outside = std::abs(x - knots[edge]);
    return result;
  }
  const double share = (x - knots[next - 1]) / (knots[next] - knots[next - 1]);
  result.site[0] = next - 1;
  result.site[1] = next;
  result.weight[0] = 1.0 - share;
  result.weight[1] = share;
  result.count = share > 0.0 ? 2 : 1;
  result.between = std::min(x - knots[next - 1], knots[next] - x);
  return result;
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += (a[i] - b[i]) * (a[i] - b[i]);
  }
  return sum;
}

/// The site at exactly this place, or count().
std::size_t site_at(const Sites& sites, std::span<const double> at) {
  std::size_t low = 0;
  std::size_t high = sites.count();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (sites.at[middle * sites.width] < at[0] - kSamePlace) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (std::size_t i = low; i < sites.count(); ++i) {
    if (sites.at[i * sites.width] > at[0] + kSamePlace) {
      break;
    }
    if (squared_distance(sites.site(i), at) < kSamePlace * kSamePlace) {
      return i;
    }
  }
  return sites.count();
}

/// Distance to the box around the sites.
double distance_to_bounds(const Sites& sites, std::span<const double> at) {
  double sum = 0.0;
  for (std::size_t axis = 0; axis < sites.width; ++axis) {
    double least = sites.at[axis];
    double most = least;
    for (std::size_t i = 1; i < sites.count(); ++i) {
      least = std::min(least, sites.at[i * sites.width + axis]);
      most = std::max(most, sites.at[i * sites.width + axis]);
    }
    const double beyond = std::max({0.0, least - at[axis], at[axis] - most});
    sum += beyond * beyond;
  }
  return std::sqrt(sum);
}

/// Weights of the nearest sites that vanish where a farther site takes a place among them, so that
/// the blend has no jumps (Franke and Little's modification of Shepard's method, 1980).
Blend blend_of_scatter(const Sites& sites, std::span<const double> at) {
  Blend result;
  const std::size_t same = site_at(sites, at);
  if (same < sites.count()) {
    result.site[0] = same;
    result.weight[0] = 1.0;
    result.count = 1;
    return result;
  }
  std::vector<std::pair<double, std::size_t>> near(sites.count());
  for (std::size_t i = 0; i < sites.count(); ++i) {
    near[i] = {std::sqrt(squared_distance(sites.site(i), at)), i};
  }
  const std::size_t wanted = std::min(near.size(), Blend::kMost + 1);
  std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(wanted), near.end());
  const double reach_of_others =
      wanted == Blend::kMost + 1 ? near[wanted - 1].first : 2.0 * near[wanted - 1].first;
  double sum = 0.0;
  for (std::size_t i = 0; i < std::min(wanted, Blend::kMost); ++i) {
    const double distance = near[i].first;
    const double share = std::max(0.0, reach_of_others - distance) / (reach_of_others * distance);
    if (share > 0.0 || i == 0) {
      result.site[result.count] = near[i].second;
      result.weight[result.count] = std::max(share * share, 1e-300);
      sum += result.weight[result.count];
      ++result.count;
    }
  }
  for (std::size_t i = 0; i < result.count; ++i) {
    result.weight[i] /= sum;
  }
  result.outside = distance_to_bounds(sites, at);
  result.between = std::max(0.0, near[0].first - result.outside);
  return result;
}

}  // namespace

Blend blend(const Sites& sites, std::span<const double> at) {
  return sites.width == 1 ? blend_of_line(sites.at, at[0]) : blend_of_scatter(sites, at);
}

std::size_t Separable::width() const {
  std::size_t sum = 0;
  for (const Sites& along : sites) {
    sum += along.width;
  }
  return sum;
}

double value(const Separable& function, std::span<const Blend> blends) {
  const auto rank = static_cast<std::size_t>(function.rank);
  std::array<float, Separable::kMostRank> product;
  std::fill_n(product.begin(), rank, 1.0F);
  for (std::size_t d = 0; d < function.sites.size(); ++d) {
    const Blend& near = blends[d];
    const float* factors = function.factors[d].data();
    if (function.factors[d].empty()) {
      continue;
    }
    if (near.count == 1) {
      const float* only = factors + near.site[0] * rank;
      for (std::size_t r = 0; r < rank; ++r) {
        product[r] *= only[r];
      }
      continue;
    }
    std::array<float, Separable::kMostRank> sum;
    std::fill_n(sum.begin(), rank, 0.0F);
    for (std::size_t i = 0; i < near.count; ++i) {
      const auto weight = static_cast<float>(near.weight[i]);
      const float* at_site = factors + near.site[i] * rank;
      for (std::size_t r = 0; r < rank; ++r) {
        sum[r] += weight * at_site[r];
      }
    }
    for (std::size_t r = 0; r < rank; ++r) {
      product[r] *= sum[r];
    }
  }
  double total = 0.0;
  for (std::size_t r = 0; r < rank; ++r) {
    total += static_cast<double>(product[r]);
  }
  return total;
}

double value(const Separable& function, std::span<const double> at) {
  constexpr std::size_t kMostDirections = 16;
  check(function.sites.size() <= kMostDirections, "a fit has few directions");
  std::array<Blend, kMostDirections> blends;
  std::size_t first = 0;
  for (std::size_t d = 0; d < function.sites.size(); ++d) {
    blends[d] = blend(function.sites[d], at.subspan(first, function.sites[d].width));
    first += function.sites[d].width;
  }
  return value(function, std::span<const Blend>(blends.data(), function.sites.size()));
}

Reach reach(const Separable& function, std::span<const double> at) {
  double between = 0.0;
  double outside = 0.0;
  std::size_t first = 0;
  for (const Sites& sites : function.sites) {
    const Blend near = blend(sites, at.subspan(first, sites.width));
    between += near.between * near.between;
    outside += near.outside * near.outside;
    first += sites.width;
  }
  return {.between = std::sqrt(between), .outside = std::sqrt(outside)};
}

}  // namespace towtank
