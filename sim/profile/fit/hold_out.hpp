// How wrong a fit is on rows it has not seen: folds of rows hidden at random, and whole sites
// hidden.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/profile/fit/fit_rows.hpp"
#include "sim/profile/fit/kernel_fit.hpp"
#include "sim/profile/fit/separable.hpp"

namespace towtank {

/// What is fitted to rows, apart from the rows.
struct FitPlan {
  std::vector<double> bases;  // (rows) base times, s
  std::vector<Sites> sites;
  SeparableOptions options;
  bool correct = false;  // estimates are corrected by the residuals of the rows around them
};

/// A hidden row and what was said of it.
struct HiddenRow {
  std::size_t row = 0;
  double log_error = 0.0;  // log of the estimated over the measured time
  double between = 0.0;    // its distance to the nearest sites
  double outside = 0.0;    // and to the bounds of the sites
  NeighbourSums sums;      // of a corrected fit
};

/// How rows are dealt into folds: the errors to state come from other folds than those by which a
/// plan was chosen, which flatter it.
enum class Deal { kChoose, kState };

/// Fits with each of the first `used` of `folds` parts of the rows hidden in turn.
std::vector<HiddenRow> hide_folds(
    const FitRows& rows, const FitPlan& plan, int folds, int used, Deal deal);

/// Fits with sites hidden: every third one along each direction in turn, the ends excepted.
std::vector<HiddenRow> hide_inner_sites(const FitRows& rows, const FitPlan& plan);

/// Fits with the first and last site along each direction of one size hidden, in turn.
std::vector<HiddenRow> hide_outer_sites(const FitRows& rows, const FitPlan& plan);

/// Of |estimate / measured - 1|.
struct ErrorSummary {
  double median = 0.0;
  double p90 = 0.0;
};
ErrorSummary summary(const std::vector<HiddenRow>& hidden);

/// The weights of neighbours that bring corrected estimates nearest to the hidden rows, and the
/// hidden rows' errors with them.
std::vector<double> learn_neighbour_weights(std::vector<HiddenRow>& hidden, std::size_t directions);

/// The errors to state, by cross-validation: of a fit by this plan to these rows.
FitError fit_error(const FitRows& rows, const FitPlan& plan, const std::vector<HiddenRow>& hidden);

/// The observations of these rows.
Observations observations_of(const FitRows& rows,
                             const FitPlan& plan,
                             const std::vector<std::size_t>& chosen);

/// Residuals of rows against a function, and the nodes of the rows on its sites: what a
/// ResidualGrid is made from.
struct RowResiduals {
  std::vector<std::size_t> rows;     // those that lie on sites
  std::vector<std::uint32_t> nodes;  // (rows x directions)
  std::vector<double> residuals;     // (rows)
};
RowResiduals residuals_of(const FitRows& rows,
                          const FitPlan& plan,
                          const Separable& function,
                          const std::vector<std::size_t>& chosen);

}  // namespace towtank
