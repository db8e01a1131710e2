// Divisors near a number that does not divide, for hints.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <fmt/format.h>

namespace towtank {

/// The largest divisor of `number` that is at most `limit`.
inline std::int64_t divisor_up_to(std::int64_t number, std::int64_t limit) {
  for (std::int64_t divisor = std::min(number, limit); divisor > 1; --divisor) {
    if (number % divisor == 0) {
      return divisor;
    }
  }
  return 1;
}

/// "8 or 16": the divisors of `number` next below and next above `value`.
inline std::string divisors_around(std::int64_t number, std::int64_t value) {
  const std::int64_t below = divisor_up_to(number, value);
  for (std::int64_t above = value + 1; above <= number; ++above) {
    if (number % above == 0) {
      return fmt::format("{} or {}", below, above);
    }
  }
  return fmt::format("{}", below);
}

}  // namespace towtank
