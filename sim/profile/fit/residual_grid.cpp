#include "sim/profile/fit/residual_grid.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace towtank {
namespace {

/// Nodes that are worth holding in memory (as floats).
constexpr std::size_t kMostNodes = 8'000'000;

/// Of scattered sites: the nearest this many.
constexpr std::size_t kScatteredNeighbours = 4;

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

std::vector<std::size_t> strides_of(const std::vector<Sites>& sites) {
  std::vector<std::size_t> strides;
  strides.reserve(sites.size());
  std::size_t stride = 1;
  for (const Sites& along : sites) {
    strides.push_back(stride);
    const std::size_t count = std::max<std::size_t>(1, along.count());
    stride = stride > kNone / count ? kNone : stride * count;
  }
  strides.push_back(stride);
  return strides;
}

/// Rows by node.
class Index {
 public:
  Index(const std::vector<Sites>& sites, std::span<const std::uint32_t> nodes)
      : strides_(strides_of(sites)) {
    const std::size_t directions = sites.size();
    const std::size_t rows = directions == 0 ? 0 : nodes.size() / directions;
    rows_.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      rows_.emplace_back(node(nodes.subspan(row * directions, directions)), row);
    }
    std::ranges::sort(rows_);
  }

  std::size_t node(std::span<const std::uint32_t> index) const {
    std::size_t sum = 0;
    for (std::size_t d = 0; d < index.size(); ++d) {
      sum += strides_[d] * index[d];
    }
    return sum;
  }

  std::size_t row(std::size_t node) const {
    const auto found =
        std::ranges::lower_bound(rows_, std::pair<std::size_t, std::size_t>(node, 0));
    return found != rows_.end() && found->first == node ? found->second : kNone;
  }

  const std::vector<std::size_t>& strides() const { return strides_; }
  std::vector<std::pair<std::size_t, std::size_t>> rows() && { return std::move(rows_); }

 private:
  std::vector<std::size_t> strides_;
  std::vector<std::pair<std::size_t, std::size_t>> rows_;
};

using Near = std::vector<std::vector<std::size_t>>;

std::vector<Near> near_of(const std::vector<Sites>& sites) {
  std::vector<Near> near;
  near.reserve(sites.size());
  for (const Sites& along : sites) {
    near.push_back(neighbours(along));
  }
  return near;
}

/// Sets `sums` to those at a node.
void add_up(const Index& index,
            const std::vector<Near>& near,
            std::span<const double> residuals,
            std::span<const std::uint32_t> at,
            NeighbourSums& sums) {
  const std::size_t node = index.node(at);
  sums.residuals.assign(at.size(), 0.0);
  sums.counts.assign(at.size(), 0.0);
  for (std::size_t d = 0; d < at.size(); ++d) {
    const std::size_t stride = index.strides()[d];
    for (const std::size_t other : near[d][at[d]]) {
      const std::size_t row = index.row(node - at[d] * stride + other * stride);
      if (row != kNone) {
        sums.residuals[d] += residuals[row];
        sums.counts[d] += 1.0;
      }
    }
  }
}

}  // namespace

std::vector<std::vector<std::size_t>> neighbours(const Sites& sites) {
  const std::size_t count = sites.count();
  std::vector<std::vector<std::size_t>> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (sites.width == 1) {
      if (i > 0) {
        result[i].push_back(i - 1);
      }
      if (i + 1 < count) {
        result[i].push_back(i + 1);
      }
      continue;
    }
    std::vector<std::pair<double, std::size_t>> near;
    near.reserve(count);
    for (std::size_t j = 0; j < count; ++j) {
      double square = 0.0;
      for (std::size_t axis = 0; axis < sites.width; ++axis) {
        const double step = sites.site(i)[axis] - sites.site(j)[axis];
        square += step * step;
      }
      if (j != i) {
        near.emplace_back(square, j);
      }
    }
    const std::size_t wanted = std::min(near.size(), kScatteredNeighbours);
    std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(wanted), near.end());
    for (std::size_t j = 0; j < wanted; ++j) {
      result[i].push_back(near[j].second);
    }
  }
  return result;
}

std::vector<double> without_outliers(std::span<const double> residuals) {
  constexpr double kTimesMedian = 10.0;
  std::vector<double> sizes;
  sizes.reserve(residuals.size());
  for (const double residual : residuals) {
    sizes.push_back(std::abs(residual));
  }
  std::vector<double> result(residuals.begin(), residuals.end());
  if (sizes.empty()) {
    return result;
  }
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  const double most = kTimesMedian * *middle;
  for (double& residual : result) {
    residual = std::clamp(residual, -most, most);
  }
  return result;
}

double mean_residual(const NeighbourSums& sums, std::span<const double> weights) {
  double sum = 0.0;
  double weight = 1.0;
  for (std::size_t d = 0; d < weights.size(); ++d) {
    sum += weights[d] * sums.residuals[d];
    weight += weights[d] * sums.counts[d];
  }
  return sum / weight;
}

std::vector<NeighbourSums> neighbour_sums(const std::vector<Sites>& sites,
                                          std::span<const std::uint32_t> nodes,
                                          std::span<const double> residuals,
                                          std::span<const std::uint32_t> wanted) {
  const std::size_t directions = sites.size();
  const Index index(sites, nodes);
  const std::vector<Near> near = near_of(sites);
  std::vector<NeighbourSums> result(wanted.size() / directions);
  for (std::size_t i = 0; i < result.size(); ++i) {
    add_up(index, near, residuals, wanted.subspan(i * directions, directions), result[i]);
  }
  return result;
}

ResidualGrid::ResidualGrid(const std::vector<Sites>& sites,
                           std::span<const std::uint32_t> nodes,
                           std::span<const double> residuals,
                           std::span<const double> weights) {
  Index index(sites, nodes);
  strides_ = index.strides();
  neighbours_ = near_of(sites);
  const std::size_t all = strides_.back();
  if (all <= kMostNodes) {
    std::vector<char> has_row(all, 0);
    values_.assign(all, 0.0F);
    for (std::size_t row = 0; row < residuals.size(); ++row) {
      const std::size_t node = index.node(nodes.subspan(row * sites.size(), sites.size()));
      has_row[node] = 1;
      values_[node] = static_cast<float>(residuals[row]);
    }
    const std::vector<double> clean = without_outliers(residuals);
    std::vector<std::uint32_t> at(sites.size());
    NeighbourSums sums;
    for (std::size_t node = 0; node < all; ++node) {
      if (has_row[node] != 0) {
        continue;
      }
      for (std::size_t d = 0; d < sites.size(); ++d) {
        at[d] = static_cast<std::uint32_t>(node / strides_[d] % sites[d].count());
      }
      add_up(index, neighbours_, clean, at, sums);
      values_[node] = static_cast<float>(mean_residual(sums, weights));
    }
  }
  rows_ = std::move(index).rows();
}

double ResidualGrid::value(std::span<const Blend> blends) const {
  if (values_.empty()) {
    return 0.0;
  }
  double total = 0.0;
  std::array<std::size_t, 16> corner = {};
  while (true) {
    double weight = 1.0;
    std::size_t node = 0;
    for (std::size_t d = 0; d < blends.size(); ++d) {
      weight *= blends[d].weight[corner[d]];
      node += strides_[d] * blends[d].site[corner[d]];
    }
    total += weight * static_cast<double>(values_[node]);
    std::size_t d = 0;
    while (d < blends.size() && ++corner[d] == blends[d].count) {
      corner[d] = 0;
      ++d;
    }
    if (d == blends.size()) {
      return total;
    }
  }
}

std::size_t ResidualGrid::row_at(std::size_t node) const {
  const auto found = std::ranges::lower_bound(rows_, std::pair<std::size_t, std::size_t>(node, 0));
  return found != rows_.end() && found->first == node ? found->second : kNone;
}

std::size_t ResidualGrid::nearest_row(std::span<const Blend> blends) const {
  std::size_t node = 0;
  std::array<std::size_t, 16> site = {};
  for (std::size_t d = 0; d < blends.size(); ++d) {
    const auto& weights = blends[d].weight;
    const auto end = weights.begin() + static_cast<std::ptrdiff_t>(blends[d].count);
    site[d] = blends[d].site[static_cast<std::size_t>(std::max_element(weights.begin(), end) -
                                                      weights.begin())];
    node += strides_[d] * site[d];
  }
  std::size_t row = row_at(node);
  for (std::size_t d = 0; d < blends.size() && row == kNone; ++d) {
    for (const std::size_t other : neighbours_[d][site[d]]) {
      row = row_at(node - site[d] * strides_[d] + other * strides_[d]);
      if (row != kNone) {
        break;
      }
    }
  }
  return row;
}

}  // namespace towtank
