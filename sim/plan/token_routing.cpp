#include "sim/plan/token_routing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/plan/routing_polynomial.hpp"

namespace towtank {
namespace {

std::size_t size_of(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

/// Logarithm of the product of (1 + w) = 1 / (1 - chance), which the chances leave out of a group.
std::vector<double> left_out(std::span<const double> chances, std::size_t groups) {
  const std::size_t size = chances.size() / groups;
  std::vector<double> logs(groups, 0.0);
  for (std::size_t expert = 0; expert < chances.size(); ++expert) {
    logs[expert / size] -= std::log1p(-chances[expert]);
  }
  return logs;
}

/// What the experts' chances leave out is a group's own weight. A factor common to all groups is
/// free, as a token uses a fixed number of them; it keeps the chances away from 0 and 1.
std::vector<double> chances_of_groups(const ExpertLayer& layer, std::span<const double> chances) {
  const std::size_t groups = size_of(layer.groups);
  if (layer.groups_per_token == layer.groups) {
    return std::vector<double>(groups, 1.0);
  }
  std::vector<double> logs = left_out(chances, groups);
  double mean = 0.0;
  double finite = 0.0;
  for (const double log : logs) {
    if (std::isfinite(log)) {
      mean += log;
      finite += 1.0;
    }
  }
  mean /= std::max(finite, 1.0);
  const double odds = static_cast<double>(layer.groups_per_token) /
                      static_cast<double>(layer.groups - layer.groups_per_token);
  for (double& log : logs) {
    log = 1.0 / (1.0 + std::exp(mean - log) / odds);  // 1 for a group that is always used
  }
  return logs;
}

}  // namespace

TokenRouting::TokenRouting(const ExpertLayer& layer, std::vector<double> chances)
    : layer_(layer), chances_(std::move(chances)) {
  check(chances_.size() == size_of(layer.experts), "every expert has a chance");
  check(layer.experts % layer.groups == 0, "experts divide evenly into groups");
  group_chances_ = chances_of_groups(layer, chances_);
  total_ = coefficient({});
  check(total_ > 0.0, "a token can visit as many experts as it must");
}

std::size_t TokenRouting::group_size() const {
  return size_of(layer_.experts / layer_.groups);
}

double TokenRouting::coefficient(std::span<const double> part) const {
  const std::size_t size = group_size();
  GroupPolynomial product = group_one(size_of(layer_.groups_per_token), size_of(layer_.top_k));
  for (std::size_t group = 0; group < group_chances_.size(); ++group) {
    ExpertPolynomial inside(size_of(layer_.top_k) + 1, 0.0);
    inside[0] = 1.0;
    for (std::size_t expert = group * size; expert < (group + 1) * size; ++expert) {
      multiply_expert(inside, chances_[expert], part.empty() ? 1.0 : 1.0 - part[expert]);
    }
    multiply_group(product, group_chances_[group], inside);
  }
  return product.back().back();
}

double TokenRouting::visit_probability(std::span<const double> part) const {
  check(part.size() == chances_.size(), "a place takes a part of every expert's copies");
  return std::clamp(1.0 - coefficient(part) / total_, 0.0, 1.0);
}

namespace {

/// The visits inside one group, given `others`: the coefficients (by the power of x) of the product
/// of all other groups at one power of y less than the whole.
void visits_inside(std::span<const double> chances,
                   const ExpertPolynomial& others,
                   std::span<double> visits) {
  // Products of the experts that follow each one, and of the other groups.
  std::vector<ExpertPolynomial> after(chances.size(), others);
  for (std::size_t expert = chances.size() - 1; expert > 0; --expert) {
    after[expert - 1] = after[expert];
    multiply_expert(after[expert - 1], chances[expert]);
  }
  ExpertPolynomial before(others.size(), 0.0);
  before[0] = 1.0;
  const std::size_t top_k = others.size() - 1;
  for (std::size_t expert = 0; expert < chances.size(); ++expert) {
    double ways = 0.0;
    for (std::size_t power = 0; power < top_k; ++power) {
      ways += before[power] * after[expert][top_k - 1 - power];
    }
    visits[expert] = chances[expert] * ways;
    multiply_expert(before, chances[expert]);
  }
}

/// Coefficients of y^power in the product of two polynomials.
ExpertPolynomial at_power(const GroupPolynomial& a, const GroupPolynomial& b, std::size_t power) {
  ExpertPolynomial sum(a[0].size(), 0.0);
  for (std::size_t of_a = 0; of_a <= power; ++of_a) {
    add_product(sum, 1.0, a[of_a], b[power - of_a]);
  }
  return sum;
}

}  // namespace

std::vector<double> TokenRouting::visits() const {
  const std::size_t groups = group_chances_.size();
  const std::size_t size = group_size();
  const std::size_t used = size_of(layer_.groups_per_token);
  std::vector<ExpertPolynomial> inside(groups, ExpertPolynomial(size_of(layer_.top_k) + 1, 0.0));
  for (std::size_t expert = 0; expert < chances_.size(); ++expert) {
    ExpertPolynomial& polynomial = inside[expert / size];
    polynomial[0] = expert % size == 0 ? 1.0 : polynomial[0];
    multiply_expert(polynomial, chances_[expert]);
  }
  std::vector<GroupPolynomial> after(groups, group_one(used, size_of(layer_.top_k)));
  for (std::size_t group = groups - 1; group > 0; --group) {
    after[group - 1] = after[group];
    multiply_group(after[group - 1], group_chances_[group], inside[group]);
  }
  GroupPolynomial before = group_one(used, size_of(layer_.top_k));
  std::vector<double> result(chances_.size(), 0.0);
  for (std::size_t group = 0; group < groups; ++group) {
    const std::span<double> own = std::span(result).subspan(group * size, size);
    visits_inside(std::span(chances_).subspan(group * size, size),
                  at_power(before, after[group], used - 1),
                  own);
    for (double& visit : own) {
      visit *= group_chances_[group] / total_;
    }
    multiply_group(before, group_chances_[group], inside[group]);
  }
  return result;
}

}  // namespace towtank
