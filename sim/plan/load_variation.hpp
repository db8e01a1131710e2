// How much more than the mean the busiest rank receives when tokens are finitely many.
#pragma once

#include <cstdint>

#include "sim/plan/expert_placement.hpp"
#include "sim/plan/token_routing.hpp"

namespace towtank {

/// Copies on the busiest rank over the mean of all ranks, in micro-batches of `tokens` tokens.
struct LoadVariation {
  std::int64_t tokens = 0;      // of all ranks of the group together
  double peak = 1.0;            // mean over the micro-batches that were drawn
  double standard_error = 0.0;  // of that mean
  int micro_batches = 0;        // that were drawn
};

/// Draws whole micro-batches token by token (see token_routing.hpp; for a replicated expert a
/// replica by an even draw) until about half a million tokens are drawn, at least 4 and at most
/// 1,024 micro-batches. The same seed gives the same result. `tokens` is at least 1.
LoadVariation draw_load_variation(const TokenRouting& routing,
                                  const ExpertPlacement& placement,
                                  std::int64_t tokens,
                                  std::uint64_t seed);

}  // namespace towtank
