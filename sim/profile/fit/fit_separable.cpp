#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "sim/base/error.hpp"
#include "sim/profile/fit/separable.hpp"

namespace towtank {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// How an observation lies along one direction: a share of two neighbouring knots, or one site.
struct Position {
  std::size_t site = 0;
  double next = 0.0;  // weight of site + 1
};

struct Direction {
  std::vector<Position> positions;  // (observations)
  std::vector<std::size_t> order;   // observations by site
  std::vector<std::size_t> starts;  // (sites + 1) into `order`
  bool smooth = false;              // neighbouring sites are neighbours in size
};

/// A direction of one site needs no factors, as long as another has some.
bool is_fixed(const std::vector<Sites>& sites, std::size_t direction) {
  const bool all_single =
      std::ranges::all_of(sites, [](const Sites& along) { return along.count() == 1; });
  return sites[direction].count() == 1 && !(all_single && direction == 0);
}

Position position(const Sites& sites, std::span<const double> at) {
  const Blend found = blend(sites, at);
  if (sites.width > 1) {
    const auto best = std::max_element(
        found.weight.begin(), found.weight.begin() + static_cast<std::ptrdiff_t>(found.count));
    return {.site = found.site[static_cast<std::size_t>(best - found.weight.begin())]};
  }
  if (found.count == 1) {
    return {.site = found.site[0]};
  }
  if (found.weight[0] < kSamePlace) {
    return {.site = found.site[1]};
  }
  const double next = found.weight[1] < kSamePlace ? 0.0 : found.weight[1];
  return {.site = found.site[0], .next = next};
}

Direction direction_of(const Observations& observations, const Sites& sites, std::size_t first) {
  const std::size_t rows = observations.values.size();
  Direction result;
  result.smooth = sites.width == 1;
  result.positions.resize(rows);
  result.starts.assign(sites.count() + 1, 0);
  for (std::size_t row = 0; row < rows; ++row) {
    result.positions[row] = position(sites, observations.place(row).subspan(first, sites.width));
    ++result.starts[result.positions[row].site + 1];
  }
  for (std::size_t i = 0; i < sites.count(); ++i) {
    result.starts[i + 1] += result.starts[i];
  }
  std::vector<std::size_t> fill(result.starts.begin(), result.starts.end() - 1);
  result.order.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    result.order[fill[result.positions[row].site]++] = row;
  }
  return result;
}

/// The alternating least squares of one fit.
class Alternation {
 public:
  Alternation(const Observations& observations,
              const std::vector<Sites>& sites,
              const SeparableOptions& options)
      : options_(options),
        rows_(static_cast<Eigen::Index>(observations.values.size())),
        rank_(options.rank),
        values_(Eigen::Map<const Vector>(observations.values.data(), rows_)),
        weights_(Vector::Ones(rows_)) {
    std::size_t first = 0;
    for (const Sites& along : sites) {
      directions_.push_back(direction_of(observations, along, first));
      first += along.width;
    }
    for (std::size_t d = 0; d < sites.size(); ++d) {
      fixed_.push_back(is_fixed(sites, d));
    }
    start(sites);
  }

  void run() {
    constexpr int kBeforeWeighing = 5;
    for (int iteration = 0; iteration < options_.iterations; ++iteration) {
      for (std::size_t d = 0; d < directions_.size(); ++d) {
        if (!fixed_[d]) {
          improve(d);
        }
      }
      balance();
      if (options_.robust && iteration >= kBeforeWeighing) {
        weigh();
      }
    }
  }

  const std::vector<RowMatrix>& factors() const { return factors_; }

 private:
  /// One product that is everywhere one, and small random others.
  void start(const std::vector<Sites>& sites) {
    std::mt19937_64 random(options_.seed + 1);
    for (const Sites& along : sites) {
      RowMatrix factor(static_cast<Eigen::Index>(along.count()), rank_);
      for (Eigen::Index i = 0; i < factor.rows(); ++i) {
        for (Eigen::Index r = 0; r < rank_; ++r) {
          const double uniform = static_cast<double>(random() >> 11U) * 0x1.0p-53;
          factor(i, r) = r == 0 || fixed_[factors_.size()] ? 1.0 : uniform - 0.5;
        }
      }
      factors_.push_back(std::move(factor));
      expanded_.emplace_back();
    }
    for (std::size_t d = 0; d < directions_.size(); ++d) {
      expand(d);
    }
  }

  /// The factors of a direction at every observation.
  void expand(std::size_t d) {
    const RowMatrix& factor = factors_[d];
    RowMatrix& rows = expanded_[d];
    rows.resize(rows_, rank_);
    for (Eigen::Index row = 0; row < rows_; ++row) {
      const Position& at = directions_[d].positions[static_cast<std::size_t>(row)];
      const auto site = static_cast<Eigen::Index>(at.site);
      if (at.next == 0.0) {
        rows.row(row) = factor.row(site);
      } else {
        rows.row(row) = (1.0 - at.next) * factor.row(site) + at.next * factor.row(site + 1);
      }
    }
  }

  /// The product over all directions but one, for one observation.
  void others(std::size_t d, Eigen::Index row, Eigen::Ref<Eigen::RowVectorXd> result) const {
    result.setOnes();
    for (std::size_t other = 0; other < directions_.size(); ++other) {
      if (other != d) {
        result.array() *= expanded_[other].row(row).array();
      }
    }
  }

  /// Solves for the factors of one direction with the others fixed. The normal equations are block
  /// tridiagonal: an observation touches a knot and its next one; without such observations and
  /// without smoothing every site is on its own.
  void improve(std::size_t d) {
    const Direction& along = directions_[d];
    const auto sites = static_cast<std::size_t>(factors_[d].rows());
    std::vector<Matrix> diagonal(sites, Matrix::Zero(rank_, rank_));
    std::vector<Matrix> coupling(sites, Matrix::Zero(rank_, rank_));  // of a site and its next
    std::vector<Vector> right(sites, Vector::Zero(rank_));
    for (std::size_t site = 0; site < sites; ++site) {
      accumulate(d, site, diagonal, coupling, right);
    }
    for (std::size_t site = 0; site < sites; ++site) {
      diagonal[site].diagonal().array() += options_.ridge;
      if (along.smooth && site + 1 < sites) {
        diagonal[site].diagonal().array() += options_.smooth;
        diagonal[site + 1].diagonal().array() += options_.smooth;
        coupling[site].diagonal().array() -= options_.smooth;
      }
    }
    solve(d, diagonal, coupling, right);
    expand(d);
  }

  void accumulate(std::size_t d,
                  std::size_t site,
                  std::vector<Matrix>& diagonal,
                  std::vector<Matrix>& coupling,
                  std::vector<Vector>& right) const {
    const Direction& along = directions_[d];
    const auto count = static_cast<Eigen::Index>(along.starts[site + 1] - along.starts[site]);
    if (count == 0) {
      return;
    }
    RowMatrix products(count, rank_);
    Vector here(count);
    Vector next(count);
    Vector values(count);
    bool coupled = false;
    for (Eigen::Index i = 0; i < count; ++i) {
      const std::size_t row = along.order[along.starts[site] + static_cast<std::size_t>(i)];
      const auto at = static_cast<Eigen::Index>(row);
      others(d, at, products.row(i));
      const double root = std::sqrt(weights_(at));
      products.row(i) *= root;
      values(i) = values_(at) * root;
      next(i) = along.positions[row].next;
      here(i) = 1.0 - next(i);
      coupled = coupled || next(i) != 0.0;
    }
    if (!coupled) {
      diagonal[site].noalias() += products.transpose() * products;
      right[site].noalias() += products.transpose() * values;
      return;
    }
    const RowMatrix scaled = here.asDiagonal() * products;
    const RowMatrix scaled_next = next.asDiagonal() * products;
    diagonal[site].noalias() += scaled.transpose() * scaled;
    right[site].noalias() += scaled.transpose() * values;
    diagonal[site + 1].noalias() += scaled_next.transpose() * scaled_next;
    right[site + 1].noalias() += scaled_next.transpose() * values;
    coupling[site].noalias() += scaled.transpose() * scaled_next;
  }

  /// Block Cholesky (Thomas) elimination along the sites.
  void solve(std::size_t d,
             std::vector<Matrix>& diagonal,
             const std::vector<Matrix>& coupling,
             std::vector<Vector>& right) {
    const std::size_t sites = diagonal.size();
    std::vector<Eigen::LLT<Matrix>> solvers(sites);
    for (std::size_t site = 0; site < sites; ++site) {
      solvers[site].compute(diagonal[site]);
      if (site + 1 < sites && !coupling[site].isZero(0.0)) {
        const Matrix eliminated = solvers[site].solve(coupling[site]);
        diagonal[site + 1].noalias() -= coupling[site].transpose() * eliminated;
        right[site + 1].noalias() -= eliminated.transpose() * right[site];
      }
    }
    RowMatrix& factor = factors_[d];
    for (std::size_t site = sites; site-- > 0;) {
      const auto i = static_cast<Eigen::Index>(site);
      Vector rest = right[site];
      if (site + 1 < sites && !coupling[site].isZero(0.0)) {
        rest.noalias() -= coupling[site] * factor.row(i + 1).transpose();
      }
      factor.row(i) = solvers[site].solve(rest).transpose();
    }
  }

  /// Gives the factors of a product the same size in every direction, so that the ridge is fair.
  void balance() {
    constexpr double kNothing = 1e-12;
    for (Eigen::Index r = 0; r < rank_; ++r) {
      double product = 1.0;
      double free = 0.0;
      std::vector<double> sizes;
      for (std::size_t d = 0; d < factors_.size(); ++d) {
        const double mean =
            factors_[d].col(r).squaredNorm() / static_cast<double>(factors_[d].rows());
        sizes.push_back(std::sqrt(mean) + kNothing);
        product *= fixed_[d] ? 1.0 : sizes.back();
        free += fixed_[d] ? 0.0 : 1.0;
      }
      const double common = std::pow(product, 1.0 / free);
      for (std::size_t d = 0; d < factors_.size(); ++d) {
        if (!fixed_[d]) {
          factors_[d].col(r) *= common / sizes[d];
        }
      }
    }
    for (std::size_t d = 0; d < directions_.size(); ++d) {
      expand(d);
    }
  }

  /// Weights of the pseudo-Huber kind: about one within 1.5 median residuals, falling beyond.
  void weigh() {
    Vector residuals(rows_);
    Eigen::RowVectorXd product(rank_);
    for (Eigen::Index row = 0; row < rows_; ++row) {
      others(directions_.size(), row, product);
      residuals(row) = values_(row) - product.sum();
    }
    std::vector<double> sizes(static_cast<std::size_t>(rows_));
    for (Eigen::Index row = 0; row < rows_; ++row) {
      sizes[static_cast<std::size_t>(row)] = std::abs(residuals(row));
    }
    const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), middle, sizes.end());
    const double scale = 1.5 * *middle + 1e-4;
    weights_ = (1.0 + (residuals / scale).array().square()).rsqrt().matrix();
  }

  SeparableOptions options_;
  Eigen::Index rows_;
  Eigen::Index rank_;
  Vector values_;
  Vector weights_;
  std::vector<Direction> directions_;
  std::vector<char> fixed_;  // (directions)
  std::vector<RowMatrix> factors_;
  std::vector<RowMatrix> expanded_;  // factors at the observations
};

/// Sites of several sizes that no observation touched: the blend of those that were.
void fill_untouched(Separable& function, const Observations& observations) {
  std::size_t first = 0;
  for (std::size_t d = 0; d < function.sites.size(); ++d) {
    const Sites& sites = function.sites[d];
    std::vector<char> touched(sites.count(), 0);
    for (std::size_t row = 0; sites.width > 1 && row < observations.values.size(); ++row) {
      touched[position(sites, observations.place(row).subspan(first, sites.width)).site] = 1;
    }
    first += sites.width;
    if (sites.width == 1 || function.factors[d].empty() || std::ranges::count(touched, 0) == 0) {
      continue;
    }
    Sites known = {.width = sites.width, .at = {}};
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < sites.count(); ++i) {
      if (touched[i] != 0) {
        known.at.insert(known.at.end(), sites.site(i).begin(), sites.site(i).end());
        index.push_back(i);
      }
    }
    std::vector<float>& factors = function.factors[d];
    const auto rank = static_cast<std::size_t>(function.rank);
    for (std::size_t i = 0; i < sites.count(); ++i) {
      if (touched[i] != 0) {
        continue;
      }
      const Blend near = blend(known, sites.site(i));
      for (std::size_t r = 0; r < rank; ++r) {
        double sum = 0.0;
        for (std::size_t j = 0; j < near.count; ++j) {
          sum += near.weight[j] * static_cast<double>(factors[index[near.site[j]] * rank + r]);
        }
        factors[i * rank + r] = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace

Separable fit_separable(const Observations& observations,
                        std::vector<Sites> sites,
                        const SeparableOptions& options) {
  check(options.rank >= 1 && options.rank <= Separable::kMostRank, "the rank is within its limits");
  check(!observations.values.empty(), "there is something to fit");
  Alternation alternation(observations, sites, options);
  alternation.run();
  Separable result = {.sites = std::move(sites), .factors = {}, .rank = options.rank};
  for (const RowMatrix& factor : alternation.factors()) {
    if (is_fixed(result.sites, result.factors.size())) {
      result.factors.emplace_back();
      continue;
    }
    std::vector<float> numbers(static_cast<std::size_t>(factor.size()));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = static_cast<float>(factor.data()[i]);
    }
    result.factors.push_back(std::move(numbers));
  }
  fill_untouched(result, observations);
  return result;
}

}  // namespace towtank
