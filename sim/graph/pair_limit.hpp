// How many flows between GPUs, each unlike the others, are followed one by one.
#pragma once

#include <cstdint>

#include "sim/graph/movement_job.hpp"

namespace towtank {

/// Some hundreds of bytes each.
inline constexpr std::int64_t kMostPairs = 1'200'000;

/// Throws InputError when the exchanges of a phase have more than kMostPairs pairs.
void check_number_of_pairs(const MovementJob& job, const MovementPhase& phase);

/// InputError at the cluster's fabric.
[[noreturn]] void refuse_so_many_pairs(const MovementJob& job);

}  // namespace towtank
