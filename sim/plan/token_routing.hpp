// Which experts one token visits when some are more popular than others: exact probabilities.
//
// A token may use a set S of `groups_per_token` of the router's groups, and visits a set A of
// `top_k` experts inside them. Loads alone do not say which experts are visited together; of all
// routers with the given loads this is the one that assumes least, the distribution of greatest
// entropy over the pairs (S, A):
//
//   P(S, A) = product of w(e) over e in A, divided by Z
//
// with one weight an expert. Where there is one group it is conditional Poisson sampling (Chen,
// Dempster and Liu, Biometrika 81, 1994); with equal weights it is balanced routing as
// expert_traffic.hpp has it. Z is the coefficient of x^top_k y^groups_per_token in
//
//   product over groups g of (1 + y product over e in g of (1 + w(e) x))
//
// and probabilities are quotients of such coefficients, which are summed up factor by factor.
// Nothing is subtracted, so that they are exact to rounding.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/model/architecture.hpp"

namespace towtank {

class TokenRouting {
 public:
  /// `chances` are w / (1 + w) of each expert, in [0, 1]: 0 for one that is never visited, 1 for
  /// one that always is; all weights times a factor are the same routing. BrokenClaim when they
  /// allow no visit at all, or so few that double precision knows none.
  TokenRouting(const ExpertLayer& layer, std::vector<double> chances);

  const ExpertLayer& layer() const { return layer_; }
  std::span<const double> chances() const { return chances_; }

  /// A group's chance to be eligible as a factor of the product above, likewise in [0, 1].
  std::span<const double> group_chances() const { return group_chances_; }

  /// The experts of group g are g * group_size() and those that follow.
  std::size_t group_size() const;

  /// Probability that a token visits each expert; they add up to top_k.
  std::vector<double> visits() const;

  /// Probability that at least one of a token's copies goes to a place that takes the part
  /// `part[e]` (0 to 1, (experts)) of the copies for expert e, each by a draw of its own. For a set
  /// of experts the parts are 0 and 1.
  double visit_probability(std::span<const double> part) const;

 private:
  double coefficient(std::span<const double> part) const;

  ExpertLayer layer_;
  std::vector<double> chances_;        // (experts)
  std::vector<double> group_chances_;  // (groups)
  double total_ = 0.0;                 // Z, times what the chances leave out
};

}  // namespace towtank
