#include "sim/graph/flow_units.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace towtank {
namespace {

/// Of the simplest fraction that the share is but for rounding (by continued fractions).
std::int64_t denominator(double share) {
  constexpr double kRounding = 1e-12;
  constexpr std::int64_t kMost = 1 << 19;  // fractions below differ by more than that
  std::int64_t before = 0;
  std::int64_t last = 1;
  double rest = share;
  while (last < kMost && std::abs(share * static_cast<double>(last) -
                                  std::round(share * static_cast<double>(last))) >
                             kRounding * static_cast<double>(last)) {
    rest = 1.0 / (rest - std::floor(rest));
    before = std::exchange(last, static_cast<std::int64_t>(rest) * last + before);
  }
  return last;
}

}  // namespace

FlowUnits::FlowUnits(int coarsest, int units, Place place)
    : coarsest_(coarsest), units_(units), place_(std::move(place)) {}

void FlowUnits::let_grow() {
  grow_ = true;
  units_ = coarsest_;
}

int FlowUnits::of(double share) {
  const auto is_whole = [&] {
    const double units = share * units_;
    return std::abs(units - std::round(units)) <= 1e-6;
  };
  if (!is_whole() && grow_) {
    const std::int64_t finer = std::lcm(std::int64_t{units_}, denominator(share));
    units_ = finer <= kMostUnits ? static_cast<int>(finer) : units_;
  }
  if (!is_whole()) {
    throw InputError(place_,
                     fmt::format("traffic divides into parts of {:.4g}, which cannot be simulated "
                                 "exactly",
                                 share),
                     "routing = \"d-mod-k\" or \"ecmp\" keeps what one card sends together");
  }
  return static_cast<int>(std::lround(share * units_));
}

}  // namespace towtank
