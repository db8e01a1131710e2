// Random numbers that are the same with every compiler and library, for results that must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace towtank {

/// The engine is specified by the C++ standard to the bit; its distributions are not, so these are
/// ours.
class PortableRandom {
 public:
  explicit PortableRandom(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [0, 1), in steps of 2^-53.
  double unit() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }

  /// Uniform in 0 ... count - 1; `count` is at least 1 and below 2^53.
  std::size_t below(std::size_t count) {
    return static_cast<std::size_t>(unit() * static_cast<double>(count));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace towtank
