// How alike two orders are.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace towtank {

/// Ranks from 1; equal values share the mean of theirs.
std::vector<double> ranks_of(std::span<const double> values);

/// Spearman's coefficient: the correlation of the ranks. Nothing for fewer than two values, or
/// where all values of one side are equal.
std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace towtank
