// Linear regression that outliers do not pull and that prior knowledge bounds.
#pragma once

#include <cstddef>
#include <vector>

namespace towtank {

/// What is known of a number before any row: a normal distribution, cut off at both ends.
struct NumberPrior {
  double centre = 0.0;
  double deviation = 1.0;
  double least = 0.0;
  double most = 0.0;
};

/// `value` is near the sum of slopes times numbers. A row of weight 0 says nothing.
struct LinearRow {
  double value = 0.0;
  std::vector<double> slopes;  // (numbers)
  double weight = 1.0;
};

/// Value minus the sum of slopes times numbers.
double residual_of(const LinearRow& row, const std::vector<double>& numbers);

/// The standard deviation of residuals, by their median size, which outliers do not change.
double scale_of(const std::vector<LinearRow>& rows, const std::vector<double>& numbers);

/// Sum of the rows' weighted Huber losses, for residuals of a standard deviation of `scale`, and
/// of the numbers' distances from their priors: a negative logarithm of probability.
double robust_loss(const std::vector<LinearRow>& rows,
                   const std::vector<NumberPrior>& priors,
                   const std::vector<double>& numbers,
                   double scale);

/// The numbers of least loss between their bounds, by iteratively reweighted least squares (Huber
/// and Ronchetti, 2009, chapter 7). Residuals are held against scale_of() them. Without rows, the
/// priors' centres.
std::vector<double> robust_fit(const std::vector<LinearRow>& rows,
                               const std::vector<NumberPrior>& priors);

/// The value below which `share` of all weight lies. Zero for no values.
double weighted_quantile(const std::vector<double>& values,
                         const std::vector<double>& weights,
                         double share);

}  // namespace towtank
