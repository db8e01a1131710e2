#include "sim/profile/fit/correction.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <Eigen/Cholesky>
#include <Eigen/Dense>

namespace towtank {
namespace {

/// Half-width of a normal distribution's central 90%, in standard deviations.
constexpr double kSigmasOf90Percent = 1.645;

/// No measurement is trusted further (as a standard deviation).
constexpr double kLeastNoise = 0.02 / kSigmasOf90Percent;

/// Below this many points the covariance is not worth estimating.
constexpr std::size_t kPointsForLikelihood = 6;

std::vector<double> place(const Op& op, int sms, const std::vector<Axis>& axes) {
  std::vector<double> at;
  at.reserve(axes.size());
  for (const Axis axis : axes) {
    at.push_back(coordinate(op, sms, axis));
  }
  return at;
}

double distance(std::span<const double> a, std::span<const double> b) {
  double square = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    square += (a[i] - b[i]) * (a[i] - b[i]);
  }
  return std::sqrt(square);
}

double covariance(const CorrectionModel& model, double distance) {
  return model.bias * model.bias + model.local * model.local * std::exp(-distance / model.length);
}

/// Points as the process sees them.
struct Evidence {
  const std::vector<std::vector<double>>& at;
  Eigen::VectorXd residuals;
  Eigen::VectorXd noise;  // variances
};

Eigen::MatrixXd covariance(const CorrectionModel& model, const Evidence& evidence) {
  const auto count = static_cast<Eigen::Index>(evidence.at.size());
  Eigen::MatrixXd matrix(count, count);
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index j = 0; j < count; ++j) {
      matrix(i, j) = covariance(model,
                                distance(evidence.at[static_cast<std::size_t>(i)],
                                         evidence.at[static_cast<std::size_t>(j)]));
    }
    matrix(i, i) += evidence.noise(i);
  }
  return matrix;
}

/// Logarithm of the probability of the residuals, up to a constant.
double log_likelihood(const CorrectionModel& model, const Evidence& evidence) {
  const Eigen::LLT<Eigen::MatrixXd> root(covariance(model, evidence));
  if (root.info() != Eigen::Success) {
    return -std::numeric_limits<double>::infinity();
  }
  const double misfit = evidence.residuals.dot(root.solve(evidence.residuals));
  double log_determinant = 0.0;
  for (Eigen::Index i = 0; i < evidence.residuals.size(); ++i) {
    log_determinant += 2.0 * std::log(root.matrixL()(i, i));
  }
  return -0.5 * (misfit + log_determinant);
}

CorrectionModel most_likely(const Evidence& evidence) {
  CorrectionModel best;
  if (evidence.at.size() < kPointsForLikelihood) {
    return best;
  }
  double likelihood = log_likelihood(best, evidence);
  for (const double bias : {0.02, 0.05, 0.1, 0.2, 0.4}) {
    for (const double local : {0.02, 0.05, 0.1, 0.2, 0.4}) {
      for (const double length : {0.5, 1.0, 2.0, 4.0}) {
        const CorrectionModel model{.bias = bias, .local = local, .length = length};
        const double found = log_likelihood(model, evidence);
        if (found > likelihood) {
          likelihood = found;
          best = model;
        }
      }
    }
  }
  return best;
}

}  // namespace

FitCorrection correct(const KernelFit& fit,
                      const Gpu& gpu,
                      const std::vector<CorrectionPoint>& points) {
  FitCorrection correction;
  if (points.empty()) {
    return correction;
  }
  correction.axes = fit.axes;
  if (std::ranges::find(correction.axes, Axis::kSms) == correction.axes.end()) {
    correction.axes.push_back(Axis::kSms);
  }
  const auto count = static_cast<Eigen::Index>(points.size());
  Eigen::VectorXd residuals(count);
  Eigen::VectorXd noise(count);
  correction.at.reserve(points.size());
  correction.indices.reserve(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const CorrectionPoint& point = points[i];
    correction.at.push_back(place(point.op, point.sms, correction.axes));
    correction.indices.push_back(point.index);
    const Seconds fitted = estimate(fit, point.op, gpu, point.sms).time;
    const auto row = static_cast<Eigen::Index>(i);
    residuals(row) = std::log(point.time / fitted);
    const double sigma = std::max(point.spread / kSigmasOf90Percent, kLeastNoise);
    noise(row) = sigma * sigma;
  }
  const Evidence evidence{.at = correction.at, .residuals = residuals, .noise = noise};
  correction.model = most_likely(evidence);
  const Eigen::MatrixXd inverse =
      covariance(correction.model, evidence).llt().solve(Eigen::MatrixXd::Identity(count, count));
  const Eigen::VectorXd weights = inverse * residuals;
  correction.weights.assign(weights.data(), weights.data() + weights.size());
  correction.inverse.assign(inverse.data(), inverse.data() + inverse.size());
  return correction;
}

Corrected corrected(const FitCorrection& correction, const Op& op, int sms, double fit_error) {
  const std::size_t count = correction.at.size();
  if (count == 0) {
    Corrected unchanged;
    unchanged.error = fit_error;
    return unchanged;
  }
  const std::vector<double> here = place(op, sms, correction.axes);
  std::vector<double> with(count);
  Corrected result;
  double mean = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const double away = distance(here, correction.at[i]);
    if (away < result.distance) {
      result.distance = away;
      result.nearest = correction.indices[i];
    }
    with[i] = covariance(correction.model, away);
    mean += with[i] * correction.weights[i];
  }
  double explained = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    double row = 0.0;
    for (std::size_t j = 0; j < count; ++j) {
      row += correction.inverse[i * count + j] * with[j];
    }
    explained += with[i] * row;
  }
  const double prior = covariance(correction.model, 0.0);
  const double left = std::clamp(1.0 - explained / prior, 0.0, 1.0);
  // What the points leave open, and the fit's own error as far as they do not replace it.
  result.error = std::hypot(kSigmasOf90Percent * std::sqrt(prior * left), fit_error * left);
  result.factor = std::exp(mean);
  return result;
}

}  // namespace towtank
