// Training steps whose groups sit unevenly on their nodes, small enough for every rank to be in the
// graph.
#pragma once

#include <random>
#include <vector>

#include "tests/sim/graph/small_step.hpp"

namespace towtank {

/// The step on nodes of so many GPUs, the last of them in use as far as the plan needs it.
inline SmallStep on_nodes_of(SmallStep step, int gpus_per_node) {
  const int ranks = step.plan.ranks();
  step.cluster.gpus_per_node = gpus_per_node;
  step.cluster.nodes = (ranks + gpus_per_node - 1) / gpus_per_node;
  step.cluster.idle = step.cluster.nodes * gpus_per_node - ranks;
  return step;
}

/// Any divisor of `number`, of 24 and at most `most`: all small models' experts divide over it.
template <typename Random>
int some_divisor(int number, int most, Random& random) {
  std::vector<int> divisors;
  for (int divisor = 1; divisor <= std::min(number, most); ++divisor) {
    if (number % divisor == 0 && 24 % divisor == 0) {
      divisors.push_back(divisor);
    }
  }
  return divisors[std::uniform_int_distribution<std::size_t>(0, divisors.size() - 1)(random)];
}

/// Data, expert- and context-parallel groups of any size that divides, on nodes of 3 to 8 GPUs;
/// 24 experts in groups that seldom nest with what a node holds.
inline SmallStep ragged_step(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  Degrees degrees{.pipeline = pick(std::array{1, 2, 4}), .data = pick(std::array{4, 6, 8, 10, 12})};
  const ScheduleKind kind =
      degrees.pipeline == 1 ? ScheduleKind::k1F1B : pick(all_schedule_kinds());
  degrees.expert = some_divisor(degrees.data, 12, random);
  degrees.context = some_divisor(degrees.data, 12, random);
  SmallStep step = small_step(kind, degrees);
  step.model.moe.experts = 24;
  step.model.moe.groups = pick(std::array{1, 3, 4, 6});
  step.model.moe.groups_per_token = pick(std::array{1, 2, 3});
  step.model.moe.groups_per_token =
      std::min(step.model.moe.groups_per_token, step.model.moe.groups);
  step.model.moe.top_k = pick(std::array{2, 4});
  step.plan.sequence = 3072;
  step.plan.batch = 2L * degrees.pipeline * degrees.data / degrees.context;
  step.plan.blocking_pipeline = pick(std::array{true, false});
  step.plan.zero_stage = pick(std::array{0, 1});
  return on_nodes_of(step, pick(std::array{3, 4, 5, 8}));
}

}  // namespace towtank
