// Which experts lie on which rank of an expert-parallel group, copies of popular ones included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/plan/expert_load.hpp"

namespace towtank {

/// Every rank has equally many slots, each with one expert's parameters. An expert may lie in
/// several slots; each token copy for it then goes to one of them by an even draw of its own.
struct ExpertPlacement {
  int ranks = 1;
  std::vector<std::size_t> expert_of_slot;  // (ranks x slots of a rank)

  std::size_t slots_of_rank() const {
    return expert_of_slot.size() / static_cast<std::size_t>(ranks);
  }
  /// The experts on one rank.
  std::span<const std::size_t> on(int rank) const {
    return std::span(expert_of_slot)
        .subspan(static_cast<std::size_t>(rank) * slots_of_rank(), slots_of_rank());
  }
};

/// Why `experts` and `redundant` further copies do not fill the ranks evenly; none when they do.
std::optional<ExpertProblem> slot_problem(std::int64_t experts, std::int64_t redundant, int ranks);

/// Experts in their order over the slots, and from the first one again in the redundant slots.
/// BrokenClaim if there is a slot_problem().
ExpertPlacement place_in_order(std::int64_t experts, std::int64_t redundant, int ranks);

/// Slots of each expert. (experts)
std::vector<std::size_t> replicas(const ExpertPlacement& placement, std::size_t experts);

/// Of what goes to each expert, the part that goes to the ranks first ... first + count - 1.
/// (experts)
std::vector<double> part_on(const ExpertPlacement& placement,
                            std::size_t experts,
                            int first,
                            int count);

/// What each rank receives when the experts receive `load` (experts). (ranks)
std::vector<double> rank_loads(const ExpertPlacement& placement, std::span<const double> load);

/// Sums over runs of `of_each` values: the loads of nodes from those of their ranks.
std::vector<double> sums_of(std::span<const double> values, std::size_t of_each);

/// The greatest value over the mean; 1 when all are zero.
double peak_over_mean(std::span<const double> values);

}  // namespace towtank
