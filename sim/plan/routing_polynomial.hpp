// Polynomials that count a token's visits: in x the experts, in y the groups it may use.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace towtank {

/// Coefficients of x^0 ... x^k; higher powers are dropped.
using ExpertPolynomial = std::vector<double>;

/// Times (1 - chance) + chance * x, of which only `kept` of the x term stays.
inline void multiply_expert(ExpertPolynomial& polynomial, double chance, double kept = 1.0) {
  for (std::size_t power = polynomial.size() - 1; power > 0; --power) {
    polynomial[power] =
        polynomial[power] * (1.0 - chance) + polynomial[power - 1] * (chance * kept);
  }
  polynomial[0] *= 1.0 - chance;
}

/// Adds `factor` times the product of two polynomials.
inline void add_product(ExpertPolynomial& sum,
                        double factor,
                        std::span<const double> a,
                        std::span<const double> b) {
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double term = factor * a[i];
    for (std::size_t j = 0; term > 0.0 && i + j < sum.size(); ++j) {
      sum[i + j] += term * b[j];
    }
  }
}

/// By the power of y, 0 to the groups a token may use.
using GroupPolynomial = std::vector<ExpertPolynomial>;

/// The polynomial 1, of `top_k` experts in `groups_per_token` groups.
inline GroupPolynomial group_one(std::size_t groups_per_token, std::size_t top_k) {
  GroupPolynomial one(groups_per_token + 1, ExpertPolynomial(top_k + 1, 0.0));
  one[0][0] = 1.0;
  return one;
}

/// Times (1 - chance) + chance * y * group.
inline void multiply_group(GroupPolynomial& polynomial,
                           double chance,
                           const ExpertPolynomial& group) {
  for (std::size_t power = polynomial.size(); power-- > 0;) {
    for (double& coefficient : polynomial[power]) {
      coefficient *= 1.0 - chance;
    }
    if (power > 0) {
      add_product(polynomial[power], chance, polynomial[power - 1], group);
    }
  }
}

}  // namespace towtank
