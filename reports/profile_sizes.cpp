#include "reports/profile_sizes.hpp"

#include <cmath>

#include <fmt/format.h>

namespace towtank {

std::string size_text(double size) {
  const double whole = std::round(size);
  // Sizes come back from logarithms, so whole ones are off by a rounding error.
  const bool is_whole = std::abs(size - whole) <= 1e-6 * std::abs(whole);
  return is_whole ? fmt::format("{:.0f}", whole) : fmt::format("{:.3g}", size);
}

}  // namespace towtank
