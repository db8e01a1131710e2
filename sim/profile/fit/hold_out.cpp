#include "sim/profile/fit/hold_out.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>

namespace towtank {
namespace {

/// Errors beyond this say that something else was measured.
constexpr double kGreatestError = 0.9;

/// Timers tell no better.
constexpr double kLeastError = 0.005;

/// Rows that a bin of the error table rests on, at least.
constexpr std::size_t kRowsPerBin = 60;

/// A well-mixed number of a row, another for every deal (splitmix64: Steele, Lea and Flood, 2014).
std::uint64_t mixed(std::uint64_t row, Deal deal) {
  std::uint64_t z = row * 0x9E3779B97F4A7C15ULL +
                    (deal == Deal::kChoose ? 0x632BE59BD9B4E019ULL : 0xD1B54A32D192ED03ULL);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

double log_slowdown(const FitRows& rows, const FitPlan& plan, std::size_t row) {
  return std::log(rows.times[row] / plan.bases[row]);
}

using IsHidden = std::function<bool(std::size_t row)>;

/// Fits to the rows that are not hidden, on these sites, and adds the hidden ones to `result`.
void hide(const FitRows& rows,
          const FitPlan& plan,
          const std::vector<Sites>& sites,
          const IsHidden& is_hidden,
          std::vector<HiddenRow>& result) {
  std::vector<std::size_t> seen;
  std::vector<std::size_t> hidden;
  for (std::size_t row = 0; row < rows.count(); ++row) {
    (is_hidden(row) ? hidden : seen).push_back(row);
  }
  if (seen.empty() || hidden.empty()) {
    return;
  }
  const Separable function = fit_separable(observations_of(rows, plan, seen), sites, plan.options);
  std::vector<HiddenRow> found;
  found.reserve(hidden.size());
  for (const std::size_t row : hidden) {
    const Reach away = reach(function, rows.place(row));
    found.push_back({.row = row,
                     .log_error = value(function, rows.place(row)) - log_slowdown(rows, plan, row),
                     .between = away.between,
                     .outside = away.outside,
                     .sums = {}});
  }
  if (plan.correct) {
    const RowResiduals known = residuals_of(rows, plan, function, seen);
    const RowResiduals wanted = residuals_of(rows, plan, function, hidden);
    std::vector<NeighbourSums> sums =
        neighbour_sums(sites, known.nodes, without_outliers(known.residuals), wanted.nodes);
    std::size_t next = 0;
    for (std::size_t i = 0; i < wanted.rows.size(); ++i) {
      while (found[next].row != wanted.rows[i]) {
        ++next;
      }
      found[next].sums = std::move(sums[i]);
    }
  }
  result.insert(
      result.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

std::size_t first_axis(const std::vector<Sites>& sites, std::size_t direction) {
  std::size_t first = 0;
  for (std::size_t d = 0; d < direction; ++d) {
    first += sites[d].width;
  }
  return first;
}

/// Sites without those that `is_gone` names by their index.
Sites without(const Sites& sites, const std::function<bool(std::size_t)>& is_gone) {
  Sites rest = {.width = sites.width, .at = {}};
  for (std::size_t i = 0; i < sites.count(); ++i) {
    if (!is_gone(i)) {
      rest.at.insert(rest.at.end(), sites.site(i).begin(), sites.site(i).end());
    }
  }
  return rest;
}

void hide_sites(const FitRows& rows,
                const FitPlan& plan,
                std::size_t direction,
                const std::function<bool(std::size_t)>& is_gone,
                std::vector<HiddenRow>& result) {
  FitPlan rough = plan;
  rough.correct = false;
  rough.options.iterations = std::min(plan.options.iterations, 20);
  std::vector<Sites> sites = plan.sites;
  sites[direction] = without(plan.sites[direction], is_gone);
  const std::size_t first = first_axis(plan.sites, direction);
  const std::size_t width = plan.sites[direction].width;
  const auto touches = [&](std::size_t row) {
    const Blend near = blend(plan.sites[direction], rows.place(row).subspan(first, width));
    for (std::size_t i = 0; i < near.count; ++i) {
      if (is_gone(near.site[i])) {
        return true;
      }
    }
    return false;
  };
  hide(rows, rough, sites, touches, result);
}

double quantile(std::vector<double> numbers, double share) {
  if (numbers.empty()) {
    return 0.0;
  }
  const auto index =
      static_cast<std::size_t>(std::min(static_cast<double>(numbers.size()) - 1.0,
                                        std::floor(share * static_cast<double>(numbers.size()))));
  const auto at = numbers.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(numbers.begin(), at, numbers.end());
  return *at;
}

/// Relative error of an estimate that is off by this logarithm: the mean of that of the estimate
/// against the truth and of the truth against the estimate.
double relative_error(double log_error) {
  return std::sinh(std::abs(log_error));
}

/// The least of these errors within which the next one lies with 90%: with n of them seen, the
/// ceil(0.9 (n + 1))-th (conformal prediction: Vovk, Gammerman and Shafer, 2005).
double nine_of_ten(std::vector<double> errors) {
  const auto rank =
      static_cast<std::size_t>(std::ceil(0.9 * (static_cast<double>(errors.size()) + 1.0)));
  const auto at = errors.begin() + static_cast<std::ptrdiff_t>(std::min(rank, errors.size())) - 1;
  std::nth_element(errors.begin(), at, errors.end());
  return *at;
}

/// Errors at 90% in bins of the estimated time, of about equally many rows.
void bin_errors(const FitRows& rows, const std::vector<HiddenRow>& hidden, FitError& error) {
  constexpr std::size_t kMostBins = 8;
  std::vector<std::pair<double, double>> by_time;  // estimated time, relative error
  by_time.reserve(hidden.size());
  for (const HiddenRow& row : hidden) {
    by_time.emplace_back(rows.times[row.row] * std::exp(row.log_error),
                         relative_error(row.log_error));
  }
  std::ranges::sort(by_time);
  const std::size_t bins = std::clamp<std::size_t>(by_time.size() / kRowsPerBin, 1, kMostBins);
  error.time_limits.clear();
  error.at_knots.clear();
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const std::size_t first = by_time.size() * bin / bins;
    const std::size_t last = by_time.size() * (bin + 1) / bins;
    std::vector<double> errors;
    errors.reserve(last - first);
    for (std::size_t i = first; i < last; ++i) {
      errors.push_back(by_time[i].second);
    }
    error.time_limits.push_back(bin + 1 == bins ? std::numeric_limits<double>::infinity()
                                                : by_time[last].first);
    error.at_knots.push_back(
        std::clamp(nine_of_ten(std::move(errors)), kLeastError, kGreatestError));
  }
}

/// The rate at which errors grow with a distance, such that nine of ten of these rows fall inside.
/// None when none of them is away.
std::optional<double> growth(const FitRows& rows,
                             const FitError& error,
                             const std::vector<HiddenRow>& hidden,
                             double HiddenRow::*distance) {
  constexpr double kLeastDistance = 0.05;
  std::vector<double> rates;
  rates.reserve(hidden.size());
  for (const HiddenRow& row : hidden) {
    if (row.*distance < kLeastDistance) {
      continue;
    }
    const double time = rows.times[row.row] * std::exp(row.log_error);
    const auto limit = std::ranges::lower_bound(error.time_limits, time);
    const double near = error.at_knots[static_cast<std::size_t>(limit - error.time_limits.begin())];
    const double far = relative_error(row.log_error);
    rates.push_back(std::sqrt(std::max(0.0, far * far - near * near)) / (row.*distance));
  }
  if (rates.empty()) {
    return std::nullopt;
  }
  return quantile(std::move(rates), 0.9);
}

}  // namespace

Observations observations_of(const FitRows& rows,
                             const FitPlan& plan,
                             const std::vector<std::size_t>& chosen) {
  Observations result = {.width = rows.axes.size(), .at = {}, .values = {}};
  result.at.reserve(chosen.size() * rows.axes.size());
  result.values.reserve(chosen.size());
  for (const std::size_t row : chosen) {
    const std::span<const double> place = rows.place(row);
    result.at.insert(result.at.end(), place.begin(), place.end());
    result.values.push_back(log_slowdown(rows, plan, row));
  }
  return result;
}

RowResiduals residuals_of(const FitRows& rows,
                          const FitPlan& plan,
                          const Separable& function,
                          const std::vector<std::size_t>& chosen) {
  RowResiduals result;
  std::vector<std::uint32_t> node(function.sites.size());
  for (const std::size_t row : chosen) {
    std::size_t first = 0;
    bool on_sites = true;
    for (std::size_t d = 0; d < function.sites.size(); ++d) {
      const Sites& sites = function.sites[d];
      const Blend near = blend(sites, rows.place(row).subspan(first, sites.width));
      on_sites = on_sites && near.between < kSamePlace && near.outside < kSamePlace;
      const std::size_t heavier = near.count > 1 && near.weight[1] > near.weight[0] ? 1 : 0;
      node[d] = static_cast<std::uint32_t>(near.site[heavier]);
      first += sites.width;
    }
    if (on_sites) {
      result.rows.push_back(row);
      result.nodes.insert(result.nodes.end(), node.begin(), node.end());
      result.residuals.push_back(log_slowdown(rows, plan, row) - value(function, rows.place(row)));
    }
  }
  return result;
}

std::vector<HiddenRow> hide_folds(
    const FitRows& rows, const FitPlan& plan, int folds, int used, Deal deal) {
  std::vector<HiddenRow> result;
  const auto parts = static_cast<std::uint64_t>(folds);
  for (int fold = 0; fold < used; ++fold) {
    const auto wanted = static_cast<std::uint64_t>(fold);
    hide(
        rows,
        plan,
        plan.sites,
        [&](std::size_t row) { return mixed(row, deal) % parts == wanted; },
        result);
  }
  return result;
}

std::vector<HiddenRow> hide_inner_sites(const FitRows& rows, const FitPlan& plan) {
  constexpr std::size_t kLeastSites = 5;
  std::vector<HiddenRow> result;
  for (std::size_t d = 0; d < plan.sites.size(); ++d) {
    const std::size_t count = plan.sites[d].count();
    if (count >= kLeastSites) {
      hide_sites(
          rows,
          plan,
          d,
          [count](std::size_t site) { return site % 3 == 2 && site + 1 < count; },
          result);
    }
  }
  return result;
}

std::vector<HiddenRow> hide_outer_sites(const FitRows& rows, const FitPlan& plan) {
  constexpr std::size_t kLeastSites = 4;
  std::vector<HiddenRow> result;
  for (std::size_t d = 0; d < plan.sites.size(); ++d) {
    const std::size_t count = plan.sites[d].count();
    if (count >= kLeastSites && plan.sites[d].width == 1) {
      hide_sites(
          rows,
          plan,
          d,
          [count](std::size_t site) { return site == 0 || site + 1 == count; },
          result);
    }
  }
  return result;
}

ErrorSummary summary(const std::vector<HiddenRow>& hidden) {
  std::vector<double> errors;
  errors.reserve(hidden.size());
  for (const HiddenRow& row : hidden) {
    errors.push_back(std::abs(std::expm1(row.log_error)));
  }
  return {.median = quantile(errors, 0.5), .p90 = quantile(errors, 0.9)};
}

std::vector<double> learn_neighbour_weights(std::vector<HiddenRow>& hidden,
                                            std::size_t directions) {
  std::vector<double> weights(directions, 0.0);
  const auto corrected = [](const HiddenRow& row, const std::vector<double>& by) {
    return row.sums.counts.empty() ? row.log_error : row.log_error + mean_residual(row.sums, by);
  };
  const auto miss = [&](const std::vector<double>& by) {
    double sum = 0.0;
    for (const HiddenRow& row : hidden) {
      sum += std::abs(corrected(row, by));
    }
    return sum;
  };
  double least = miss(weights);
  for (int round = 0; round < 3; ++round) {
    for (double& weight : weights) {
      const double before = weight;
      double best = before;
      for (const double candidate : {0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4}) {
        weight = candidate;
        const double found = miss(weights);
        if (found < least) {
          least = found;
          best = candidate;
        }
      }
      weight = best;
    }
  }
  for (HiddenRow& row : hidden) {
    row.log_error = corrected(row, weights);
  }
  return weights;
}

FitError fit_error(const FitRows& rows, const FitPlan& plan, const std::vector<HiddenRow>& hidden) {
  FitError error;
  if (hidden.empty()) {
    return error;
  }
  const ErrorSummary over_all = summary(hidden);
  error.median = over_all.median;
  error.p90 = over_all.p90;
  bin_errors(rows, hidden, error);
  constexpr std::size_t kLeastRepeats = 20;
  if (rows.repeats.size() >= kLeastRepeats) {
    error.of_measured = std::clamp(quantile(rows.repeats, 0.9), error.of_measured, kGreatestError);
  }
  constexpr double kLeastGrowth = 0.02;
  if (const auto rate = growth(rows, error, hide_inner_sites(rows, plan), &HiddenRow::between)) {
    error.per_doubling = std::clamp(*rate, kLeastGrowth, kGreatestError);
  }
  error.per_doubling_outside = std::max(error.per_doubling, error.per_doubling_outside);
  if (const auto rate = growth(rows, error, hide_outer_sites(rows, plan), &HiddenRow::outside)) {
    error.per_doubling_outside = std::clamp(*rate, error.per_doubling, kGreatestError);
  }
  return error;
}

}  // namespace towtank
