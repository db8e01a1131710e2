#include "reports/profile_check.hpp"

#include <algorithm>
#include <cmath>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

bool is_within(const CheckedRow& row) {
  return std::abs(row.measured / row.estimated - 1.0) <= row.stated_error;
}

}  // namespace

double error_of(const CheckedRow& row) {
  return row.estimated / row.measured - 1.0;
}

double CheckFigures::coverage() const {
  return rows == 0 ? 0.0 : static_cast<double>(covered) / static_cast<double>(rows);
}

double quantile(std::vector<double> values, double share) {
  check(!values.empty(), "a quantile is of something");
  const double rank = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), at, values.end());
  const double low = *at;
  if (below + 1 == values.size()) {
    return low;
  }
  const double high = *std::min_element(at + 1, values.end());
  return low + (rank - static_cast<double>(below)) * (high - low);
}

CheckFigures check_figures(std::span<const CheckedRow> rows, std::size_t unusable) {
  std::vector<double> errors;
  std::vector<double> sizes;
  errors.reserve(rows.size());
  sizes.reserve(rows.size());
  std::size_t within = 0;
  for (const CheckedRow& row : rows) {
    if (row.covered) {
      errors.push_back(error_of(row));
      sizes.push_back(std::abs(errors.back()));
      within += is_within(row) ? 1 : 0;
    }
  }
  CheckFigures figures{.rows = rows.size() + unusable, .covered = errors.size(), .errors = {}};
  if (!errors.empty()) {
    const auto worst = std::ranges::max_element(sizes) - sizes.begin();
    figures.errors =
        ErrorSpread{.median = quantile(sizes, 0.5),
                    .p90 = quantile(sizes, 0.9),
                    .worst = errors[static_cast<std::size_t>(worst)],
                    .bias = quantile(errors, 0.5),
                    .within = static_cast<double>(within) / static_cast<double>(errors.size())};
  }
  return figures;
}

}  // namespace towtank
