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

namespace {

/// The experts of a run that are in each of the groups; those of none are left out. Ascending: what
/// the groups' order is makes no difference to a token.
std::vector<std::int64_t> marked_in_groups(const ExpertLayer& moe,
                                           std::int64_t first,
                                           std::int64_t count) {
  const std::int64_t size = moe.experts / moe.groups;
  std::vector<std::int64_t> marked;
  for (std::int64_t group = first / size; group * size < first + count; ++group) {
    const std::int64_t from = std::max(first, group * size);
    const std::int64_t to = std::min(first + count, (group + 1) * size);
    marked.push_back(to - from);  // NOLINT(performance-inefficient-vector-operation): few
  }
  std::ranges::sort(marked);
  return marked;
}

/// Choices of groups by how many of their experts are marked: entry [groups][marked experts].
using Choices = std::vector<std::vector<double>>;

/// One more group may be chosen, with `marked` experts.
void may_choose(Choices& choices, std::int64_t marked) {
  for (std::size_t chosen = choices.size() - 1; chosen > 0; --chosen) {
    std::vector<double>& with = choices[chosen];
    const std::vector<double>& without = choices[chosen - 1];
    for (auto total = static_cast<std::size_t>(marked); total < with.size(); ++total) {
      with[total] += without[total - static_cast<std::size_t>(marked)];
    }
  }
}

}  // namespace

double visit_probability_of_run(const ExpertLayer& moe, std::int64_t first, std::int64_t count) {
  check(first >= 0 && count > 0 && first + count <= moe.experts, "a run of the layer's experts");
  const std::vector<std::int64_t> marked = marked_in_groups(moe, first, count);
  const auto with_some = static_cast<std::int64_t>(marked.size());
  const std::int64_t used = moe.groups_per_token;
  Choices choices(static_cast<std::size_t>(std::min(used, with_some)) + 1,
                  std::vector<double>(static_cast<std::size_t>(count) + 1, 0.0));
  choices[0][0] = 1.0;
  for (const std::int64_t in_group : marked) {
    may_choose(choices, in_group);
  }
  const std::int64_t eligible = moe.experts / moe.groups * used;
  const double all = choose(moe.groups, used);
  double visited = 0.0;
  for (std::size_t groups = 1; groups < choices.size(); ++groups) {
    const double others =
        choose(moe.groups - with_some, used - static_cast<std::int64_t>(groups)) / all;
    for (std::size_t total = 1; total < choices[groups].size(); ++total) {
      visited += choices[groups][total] * others *
                 (1.0 - miss_probability(eligible, static_cast<std::int64_t>(total), moe.top_k));
    }
  }
  return visited;
}

bool is_visited_evenly(const ExpertLayer& moe, const GroupShape& group) {
  const std::int64_t of_group = moe.experts / moe.groups;
  const auto nests = [of_group](std::int64_t part) {
    return part % of_group == 0 || of_group % part == 0;
  };
  return group.even() && moe.experts % group.size() == 0 && nests(moe.experts / group.nodes) &&
         nests(moe.experts / group.size());
}

ExpertTraffic expert_traffic(const ExpertLayer& moe, const GroupShape& group) {
  check(is_visited_evenly(moe, group), "the nodes and the GPUs of the group are visited alike");
  const std::int64_t per_node = moe.experts / group.nodes;
  const std::int64_t per_gpu = moe.experts / group.size();
  return {.per_remote_node = visit_probability(moe, per_node),
          .per_local_peer = group.nodes * visit_probability(moe, per_gpu)};
}

ExpertTraffic separate_expert_traffic(const ExpertLayer& moe, const GroupShape& group) {
  check(is_visited_evenly(moe, group), "the nodes and the GPUs of the group are visited alike");
  const double copies = static_cast<double>(moe.top_k);
  return {.per_remote_node = copies / group.nodes, .per_local_peer = copies / group.local};
}

BalancedVisits balanced_visits(const ExpertLayer& moe, const GroupShape& group) {
  const std::int64_t per_gpu = moe.experts / group.size();
  check(per_gpu * group.size() == moe.experts, "every rank has equally many experts");
  BalancedVisits visits;
  visits.of_ranks.reserve(static_cast<std::size_t>(group.size()));
  visits.of_nodes.reserve(static_cast<std::size_t>(group.nodes));
  std::int64_t first = 0;
  for (const int members : group.of_nodes()) {
    visits.of_nodes.push_back(visit_probability_of_run(moe, first, members * per_gpu));
    for (int member = 0; member < members; ++member, first += per_gpu) {
      visits.of_ranks.push_back(visit_probability_of_run(moe, first, per_gpu));
    }
  }
  return visits;
}

}  // namespace towtank
