// What a separable function leaves unexplained at the rows of a full table, and what that says
// about the places between them.
//
// The rows lie on the grid of the function's sites, most of it filled. At an empty node the
// residual is the weighted mean of its neighbours', pulled to zero; off the nodes it is blended as
// the function is, and so continuous.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sim/profile/fit/separable.hpp"

namespace towtank {

/// Neighbours of a site within its direction: the next knots, or the nearest of scattered sites.
std::vector<std::vector<std::size_t>> neighbours(const Sites& sites);

class ResidualGrid {
 public:
  ResidualGrid() = default;

  /// `nodes`: (rows x directions) indices of sites; `residuals`: (rows). `weights`: (directions) of
  /// a neighbour along each, where staying at zero weighs one.
  ResidualGrid(const std::vector<Sites>& sites,
               std::span<const std::uint32_t> nodes,
               std::span<const double> residuals,
               std::span<const double> weights);

  bool empty() const { return rows_.empty(); }

  /// The residual at a place, given its blends along all directions. Zero for grids too sparse or
  /// too large to hold, and far from their sites.
  double value(std::span<const Blend> blends) const;

  /// The row at the node of the greatest weight, or next to it; SIZE_MAX when there is none.
  std::size_t nearest_row(std::span<const Blend> blends) const;

 private:
  std::size_t node_of(std::span<const std::size_t> index) const;
  std::size_t row_at(std::size_t node) const;

  std::vector<std::size_t> strides_;  // (directions)
  std::vector<std::vector<std::vector<std::size_t>>> neighbours_;
  std::vector<std::pair<std::size_t, std::size_t>> rows_;  // (node, row), ascending
  std::vector<float> values_;                              // (nodes), or empty
};

/// Residuals with outliers (beyond ten times the median) brought in: a row that was disturbed says
/// nothing about its neighbours.
std::vector<double> without_outliers(std::span<const double> residuals);

/// Residuals of a node's neighbours along each direction, and how many there are: what the
/// weights are learnt from.
struct NeighbourSums {
  std::vector<double> residuals;  // (directions)
  std::vector<double> counts;     // (directions)
};

/// The sums at nodes (wanted x directions) from rows at `nodes` with `residuals`.
std::vector<NeighbourSums> neighbour_sums(const std::vector<Sites>& sites,
                                          std::span<const std::uint32_t> nodes,
                                          std::span<const double> residuals,
                                          std::span<const std::uint32_t> wanted);

/// The mean that the weights make of the sums.
double mean_residual(const NeighbourSums& sums, std::span<const double> weights);

}  // namespace towtank
