#include "sim/plan/token_sampler.hpp"

#include "sim/base/error.hpp"

namespace towtank {

TokenSampler::TokenSampler(const TokenRouting& routing)
    : chances_(routing.chances().begin(), routing.chances().end()),
      group_chances_(routing.group_chances().begin(), routing.group_chances().end()),
      group_size_(routing.group_size()) {
  const auto top_k = static_cast<std::size_t>(routing.layer().top_k);
  const auto used = static_cast<std::size_t>(routing.layer().groups_per_token);
  visited_.reserve(top_k);
  experts_after_.assign(chances_.size(), ExpertPolynomial(top_k + 1, 0.0));
  groups_after_.assign(group_chances_.size() + 1, group_one(used, top_k));
  for (std::size_t expert = chances_.size(); expert-- > 0;) {
    ExpertPolynomial& polynomial = experts_after_[expert];
    if ((expert + 1) % group_size_ == 0) {
      polynomial[0] = 1.0;
    } else {
      polynomial = experts_after_[expert + 1];
    }
    multiply_expert(polynomial, chances_[expert]);
  }
  for (std::size_t group = group_chances_.size(); group-- > 0;) {
    groups_after_[group] = groups_after_[group + 1];
    multiply_group(
        groups_after_[group], group_chances_[group], experts_after_[group * group_size_]);
  }
}

const std::vector<std::size_t>& TokenSampler::draw(PortableRandom& random) {
  visited_.clear();
  std::size_t uses = groups_after_[0].size() - 1;
  std::size_t visits = groups_after_[0][0].size() - 1;
  for (std::size_t group = 0; visits > 0; ++group) {
    check(group < group_chances_.size(), "all visits are made before the groups end");
    const GroupPolynomial& after = groups_after_[group + 1];
    double point = random.unit() * groups_after_[group][uses][visits];
    point -= (1.0 - group_chances_[group]) * after[uses][visits];
    if (uses == 0 || point < 0.0) {
      continue;  // not used
    }
    const ExpertPolynomial& inside = experts_after_[group * group_size_];
    std::size_t count = 0;
    for (std::size_t next = 0; next <= visits && point >= 0.0; ++next) {
      const double way = group_chances_[group] * inside[next] * after[uses - 1][visits - next];
      point -= way;
      count = way > 0.0 ? next : count;
    }
    draw_inside(group, count, random);
    visits -= count;
    --uses;
  }
  return visited_;
}

void TokenSampler::draw_inside(std::size_t group, std::size_t count, PortableRandom& random) {
  const std::size_t end = (group + 1) * group_size_;
  for (std::size_t expert = group * group_size_; count > 0; ++expert, --count) {
    // The next visited expert is the first at which the ways to pass over it and all from `expert`
    // on fall below a random part of all ways.
    const double mark = (1.0 - random.unit()) * experts_after_[expert][count];
    double passed = 1.0 - chances_[expert];
    while (expert + 1 < end && passed * experts_after_[expert + 1][count] >= mark) {
      ++expert;
      passed *= 1.0 - chances_[expert];
    }
    visited_.push_back(expert);
  }
}

}  // namespace towtank
