// Tokens drawn one by one from a routing, for what has no closed form.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/plan/portable_random.hpp"
#include "sim/plan/routing_polynomial.hpp"
#include "sim/plan/token_routing.hpp"

namespace towtank {

/// Draws exactly from the distribution: group by group with its number of visits, then expert by
/// expert, each with the probability that what follows leaves to it.
class TokenSampler {
 public:
  explicit TokenSampler(const TokenRouting& routing);

  /// The experts one token visits, ascending. The result is good until the next draw.
  const std::vector<std::size_t>& draw(PortableRandom& random);

 private:
  void draw_inside(std::size_t group, std::size_t count, PortableRandom& random);

  std::vector<double> chances_;
  std::vector<double> group_chances_;
  std::size_t group_size_;
  std::vector<GroupPolynomial> groups_after_;    // [g]: the groups g, g + 1, ...
  std::vector<ExpertPolynomial> experts_after_;  // [e]: the experts e, e + 1, ... of its group
  std::vector<std::size_t> visited_;
};

}  // namespace towtank
