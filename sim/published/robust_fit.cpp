#include "sim/published/robust_fit.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <Eigen/Core>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr double kHuber = 1.345;      // 95% as efficient as least squares for normal residuals
constexpr double kOfMedian = 1.4826;  // deviation of a normal distribution over its median size
constexpr double kLeastScale = 0.03;  // rows that agree better than this do so by chance
constexpr int kReweightings = 100;
constexpr int kPasses = 1000;  // of coordinate descent
constexpr double kSettled = 1e-9;

/// The matrix and the right side of normal equations, priors included.
struct NormalEquations {
  Matrix matrix;
  Vector right;
};

NormalEquations equations_of(const std::vector<LinearRow>& rows,
                             const std::vector<NumberPrior>& priors,
                             const std::vector<double>& numbers,
                             double scale) {
  const auto size = static_cast<Eigen::Index>(priors.size());
  NormalEquations equations{.matrix = Matrix::Zero(size, size), .right = Vector::Zero(size)};
  for (Eigen::Index i = 0; i < size; ++i) {
    const NumberPrior& prior = priors[static_cast<std::size_t>(i)];
    const double strength = 1.0 / (prior.deviation * prior.deviation);
    equations.matrix(i, i) = strength;
    equations.right(i) = strength * prior.centre;
  }
  for (const LinearRow& row : rows) {
    const double distance = std::abs(residual_of(row, numbers)) / scale;
    const double trust = distance > kHuber ? kHuber / distance : 1.0;
    const double weight = row.weight * trust / (scale * scale);
    const Eigen::Map<const Vector> slopes(row.slopes.data(), size);
    equations.matrix += weight * slopes * slopes.transpose();
    equations.right += weight * row.value * slopes;
  }
  return equations;
}

/// Solves the equations between the bounds, one number after the other until none moves. The
/// matrix is positive definite, as every number has a prior, so that there is one solution.
std::vector<double> solve(const NormalEquations& equations,
                          const std::vector<NumberPrior>& priors,
                          std::vector<double> numbers) {
  Eigen::Map<Vector> x(numbers.data(), static_cast<Eigen::Index>(numbers.size()));
  for (int pass = 0; pass < kPasses; ++pass) {
    double moved = 0.0;
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      const NumberPrior& prior = priors[static_cast<std::size_t>(i)];
      const double rest = equations.matrix.row(i).dot(x) - equations.matrix(i, i) * x(i);
      const double best = (equations.right(i) - rest) / equations.matrix(i, i);
      const double next = std::clamp(best, prior.least, prior.most);
      moved = std::max(moved, std::abs(next - x(i)) / prior.deviation);
      x(i) = next;
    }
    if (moved < kSettled) {
      break;
    }
  }
  return numbers;
}

double furthest_move(const std::vector<double>& from,
                     const std::vector<double>& to,
                     const std::vector<NumberPrior>& priors) {
  double furthest = 0.0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    furthest = std::max(furthest, std::abs(to[i] - from[i]) / priors[i].deviation);
  }
  return furthest;
}

}  // namespace

double residual_of(const LinearRow& row, const std::vector<double>& numbers) {
  check(row.slopes.size() == numbers.size(), "a row has a slope for every number");
  return row.value - std::inner_product(row.slopes.begin(), row.slopes.end(), numbers.begin(), 0.0);
}

double scale_of(const std::vector<LinearRow>& rows, const std::vector<double>& numbers) {
  std::vector<double> sizes;
  std::vector<double> weights;
  sizes.reserve(rows.size());
  weights.reserve(rows.size());
  for (const LinearRow& row : rows) {
    sizes.push_back(std::abs(residual_of(row, numbers)));
    weights.push_back(row.weight);
  }
  return std::max(kLeastScale, kOfMedian * weighted_quantile(sizes, weights, 0.5));
}

double robust_loss(const std::vector<LinearRow>& rows,
                   const std::vector<NumberPrior>& priors,
                   const std::vector<double>& numbers,
                   double scale) {
  double loss = 0.0;
  for (const LinearRow& row : rows) {
    const double distance = std::abs(residual_of(row, numbers)) / scale;
    loss += row.weight *
            (distance > kHuber ? kHuber * (distance - kHuber / 2.0) : distance * distance / 2.0);
  }
  for (std::size_t i = 0; i < priors.size(); ++i) {
    const double distance = (numbers[i] - priors[i].centre) / priors[i].deviation;
    loss += distance * distance / 2.0;
  }
  return loss;
}

std::vector<double> robust_fit(const std::vector<LinearRow>& rows,
                               const std::vector<NumberPrior>& priors) {
  std::vector<double> numbers;
  numbers.reserve(priors.size());
  for (const NumberPrior& prior : priors) {
    numbers.push_back(std::clamp(prior.centre, prior.least, prior.most));
  }
  for (int i = 0; i < kReweightings; ++i) {
    const NormalEquations equations = equations_of(rows, priors, numbers, scale_of(rows, numbers));
    std::vector<double> next = solve(equations, priors, numbers);
    const double moved = furthest_move(numbers, next, priors);
    numbers = std::move(next);
    if (moved < kSettled) {
      break;
    }
  }
  return numbers;
}

double weighted_quantile(const std::vector<double>& values,
                         const std::vector<double>& weights,
                         double share) {
  check(values.size() == weights.size(), "every value has a weight");
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double below = 0.0;
  for (const std::size_t i : order) {
    below += weights[i];
    if (below >= share * all) {
      return values[i];
    }
  }
  return values.empty() ? 0.0 : values[order.back()];
}

}  // namespace towtank
