#include "sim/plan/expert_placement.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {

std::optional<ExpertProblem> slot_problem(std::int64_t experts, std::int64_t redundant, int ranks) {
  const std::int64_t slots = experts + redundant;
  if (slots % ranks != 0) {
    const std::int64_t next = (slots / ranks + 1) * ranks - experts;
    return ExpertProblem{
        .key = "redundant",
        .message = fmt::format("{} experts and {} redundant ones do not divide over {} "
                               "expert-parallel ranks",
                               experts,
                               redundant,
                               ranks),
        .hint = fmt::format("redundant = {} would do", next)};
  }
  if (slots / ranks > experts) {
    return ExpertProblem{
        .key = "redundant",
        .message = fmt::format("{} redundant experts give each rank {} slots, more than the {} "
                               "experts there are",
                               redundant,
                               slots / ranks,
                               experts),
        .hint =
            fmt::format("redundant = {} puts every expert on every rank", experts * (ranks - 1))};
  }
  return std::nullopt;
}

ExpertPlacement place_in_order(std::int64_t experts, std::int64_t redundant, int ranks) {
  check(!slot_problem(experts, redundant, ranks), "experts fill the ranks evenly");
  ExpertPlacement placement{.ranks = ranks, .expert_of_slot = {}};
  const auto slots = static_cast<std::size_t>(experts + redundant);
  placement.expert_of_slot.reserve(slots);
  for (std::size_t slot = 0; slot < slots; ++slot) {
    placement.expert_of_slot.push_back(slot % static_cast<std::size_t>(experts));
  }
  return placement;
}

std::vector<std::size_t> replicas(const ExpertPlacement& placement, std::size_t experts) {
  std::vector<std::size_t> count(experts, 0);
  for (const std::size_t expert : placement.expert_of_slot) {
    ++count[expert];
  }
  return count;
}

std::vector<double> part_on(const ExpertPlacement& placement,
                            std::size_t experts,
                            int first,
                            int count) {
  const std::vector<std::size_t> all = replicas(placement, experts);
  std::vector<std::size_t> here(experts, 0);
  for (int rank = first; rank < first + count; ++rank) {
    for (const std::size_t expert : placement.on(rank)) {
      ++here[expert];
    }
  }
  std::vector<double> part(experts, 0.0);
  for (std::size_t expert = 0; expert < experts; ++expert) {
    if (here[expert] > 0) {
      part[expert] = static_cast<double>(here[expert]) / static_cast<double>(all[expert]);
    }
  }
  return part;
}

std::vector<double> rank_loads(const ExpertPlacement& placement, std::span<const double> load) {
  const std::vector<std::size_t> count = replicas(placement, load.size());
  std::vector<double> loads(static_cast<std::size_t>(placement.ranks), 0.0);
  for (int rank = 0; rank < placement.ranks; ++rank) {
    for (const std::size_t expert : placement.on(rank)) {
      loads[static_cast<std::size_t>(rank)] += load[expert] / static_cast<double>(count[expert]);
    }
  }
  return loads;
}

std::vector<double> sums_of(std::span<const double> values, std::size_t of_each) {
  check(of_each > 0 && values.size() % of_each == 0, "values divide into equal runs");
  const std::size_t runs = of_each > 0 ? values.size() / of_each : 0;
  std::vector<double> sums;
  sums.reserve(runs);
  for (std::size_t run = 0; run < runs; ++run) {
    const std::span<const double> part = values.subspan(run * of_each, of_each);
    sums.push_back(std::accumulate(part.begin(), part.end(), 0.0));
  }
  return sums;
}

double peak_over_mean(std::span<const double> values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return sum > 0.0 ? std::ranges::max(values) * static_cast<double>(values.size()) / sum : 1.0;
}

}  // namespace towtank
