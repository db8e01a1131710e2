#include "sim/graph/pair_limit.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {

void check_number_of_pairs(const MovementJob& job, const MovementPhase& phase) {
  std::int64_t pairs = 0;
  for (const Exchange& exchange : phase.exchanges) {
    const auto members = static_cast<std::int64_t>(exchange.members.size());
    pairs += members * (members - 1);
  }
  if (pairs > kMostPairs) {
    refuse_so_many_pairs(job);
  }
}

void refuse_so_many_pairs(const MovementJob& job) {
  throw InputError(
      job.fabric() == nullptr ? Place() : job.cluster().fabric->place,
      fmt::format("more than {} flows between GPUs, each unlike the others, would be simulated",
                  kMostPairs),
      "fewer --ranks; GPUs are alike without faults, and with a routing that is no hash");
}

}  // namespace towtank
