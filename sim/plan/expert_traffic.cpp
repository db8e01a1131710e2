#include "sim/plan/expert_traffic.hpp"

#include <algorithm>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// Probability that `draws` draws without replacement from `total` all miss `marked` of them.
double miss_probability(std::int64_t total, std::int64_t marked, std::int64_t draws) {
  double probability = 1.0;
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    const std::int64_t unmarked = std::max<std::int64_t>(total - marked - draw, 0);
    probability *= static_cast<double>(unmarked) / static_cast<double>(total - draw);
  }
  return probability;
}

/// n choose k.
double choose(std::int64_t n, std::int64_t k) {
  if (k < 0 || k > n) {
    return 0.0;
  }
  double ways = 1.0;
  for (std::int64_t i = 1; i <= k; ++i) {
    ways *= static_cast<double>(n - k + i) / static_cast<double>(i);
  }
  return ways;
}

}  // namespace

double visit_probability(const ExpertLayer& moe, std::int64_t part) {
  const std::int64_t group = moe.experts / moe.groups;
  const std::int64_t eligible = group * moe.groups_per_token;
  if (part <= group) {
    check(group % part == 0, "a part of experts divides a routing group or is made of whole ones");
    const double chosen =
        static_cast<double>(moe.groups_per_token) / static_cast<double>(moe.groups);
    return chosen * (1.0 - miss_probability(eligible, part, moe.top_k));
  }
  check(part % group == 0, "a part of experts divides a routing group or is made of whole ones");
  // The number of the part's groups that are eligible is hypergeometric.
  const std::int64_t groups_in_part = part / group;
  double visited = 0.0;
  for (std::int64_t j = 1; j <= std::min(groups_in_part, moe.groups_per_token); ++j) {
    const double ways = choose(groups_in_part, j) *
                        choose(moe.groups - groups_in_part, moe.groups_per_token - j) /
                        choose(moe.groups, moe.groups_per_token);
    visited += ways * (1.0 - miss_probability(eligible, j * group, moe.top_k));
  }
  return visited;
}

ExpertTraffic expert_traffic(const ExpertLayer& moe, const GroupShape& group) {
  const std::int64_t per_node = moe.experts / group.nodes;
  const std::int64_t per_gpu = moe.experts / group.size();
  return {.per_remote_node = visit_probability(moe, per_node),
          .per_local_peer = group.nodes * visit_probability(moe, per_gpu)};
}

}  // namespace towtank
