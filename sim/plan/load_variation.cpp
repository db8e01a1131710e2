#include "sim/plan/load_variation.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/plan/portable_random.hpp"
#include "sim/plan/token_sampler.hpp"

namespace towtank {
namespace {

constexpr std::int64_t kTokensDrawn = 1 << 19;

/// The ranks on which each expert lies, one entry a replica.
std::vector<std::vector<std::size_t>> ranks_of_experts(const ExpertPlacement& placement,
                                                       std::size_t experts) {
  std::vector<std::vector<std::size_t>> ranks(experts);
  for (std::size_t slot = 0; slot < placement.expert_of_slot.size(); ++slot) {
    ranks[placement.expert_of_slot[slot]].push_back(slot / placement.slots_of_rank());
  }
  return ranks;
}

}  // namespace

LoadVariation draw_load_variation(const TokenRouting& routing,
                                  const ExpertPlacement& placement,
                                  std::int64_t tokens,
                                  std::uint64_t seed) {
  check(tokens >= 1, "a micro-batch has a token");
  const ExpertLayer& layer = routing.layer();
  const auto ranks = ranks_of_experts(placement, static_cast<std::size_t>(layer.experts));
  const double mean =
      static_cast<double>(tokens) * static_cast<double>(layer.top_k) / placement.ranks;
  const auto draws = static_cast<int>(std::clamp<std::int64_t>(kTokensDrawn / tokens, 4, 1024));
  PortableRandom random(seed);
  TokenSampler sampler(routing);
  double sum = 0.0;
  double squares = 0.0;
  for (int draw = 0; draw < draws; ++draw) {
    std::vector<std::int64_t> copies(static_cast<std::size_t>(placement.ranks), 0);
    for (std::int64_t token = 0; token < tokens; ++token) {
      for (const std::size_t expert : sampler.draw(random)) {
        const std::vector<std::size_t>& at = ranks[expert];
        ++copies[at.size() == 1 ? at[0] : at[random.below(at.size())]];
      }
    }
    const double peak = static_cast<double>(std::ranges::max(copies)) / mean;
    sum += peak;
    squares += peak * peak;
  }
  const double average = sum / draws;
  const double variance = std::max(0.0, squares / draws - average * average);
  return {.tokens = tokens,
          .peak = average,
          .standard_error = std::sqrt(variance / (draws - 1)),
          .micro_batches = draws};
}

}  // namespace towtank
