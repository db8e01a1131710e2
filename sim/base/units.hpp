// Dimension-checked quantities: adding seconds to bytes does not compile.
//
// A value enters as `450 * GB / second` and leaves as `time / microsecond`; inside it is a double
// in SI base units (seconds, bytes, floating-point operations, US dollars).
#pragma once

#include <compare>

namespace towtank {

/// A physical quantity whose dimension is time^T * data^D * work^W * money^M.
template <int T, int D, int W, int M>
class Quantity {
 public:
  constexpr Quantity() = default;
  explicit constexpr Quantity(double base_units) : value_(base_units) {}

  /// The bare number in base units (s, B, FLOP, $). For formulas that leave the type system.
  constexpr double si() const { return value_; }

  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value_ -= other.value_;
    return *this;
  }
  constexpr Quantity& operator*=(double factor) {
    value_ *= factor;
    return *this;
  }

  friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return a -= b; }
  friend constexpr Quantity operator-(Quantity a) { return Quantity(-a.value_); }
  friend constexpr Quantity operator*(Quantity a, double factor) { return a *= factor; }
  friend constexpr Quantity operator*(double factor, Quantity a) { return a *= factor; }
  friend constexpr Quantity operator/(Quantity a, double divisor) {
    return Quantity(a.value_ / divisor);
  }
  friend constexpr auto operator<=>(Quantity a,
                                    Quantity b) = default;  // NOLINT(modernize-use-nullptr)

 private:
  double value_ = 0.0;
};

template <int T1, int D1, int W1, int M1, int T2, int D2, int W2, int M2>
constexpr auto operator*(Quantity<T1, D1, W1, M1> a, Quantity<T2, D2, W2, M2> b) {
  if constexpr (T1 + T2 == 0 && D1 + D2 == 0 && W1 + W2 == 0 && M1 + M2 == 0) {
    return a.si() * b.si();
  } else {
    return Quantity<T1 + T2, D1 + D2, W1 + W2, M1 + M2>(a.si() * b.si());
  }
}

template <int T1, int D1, int W1, int M1, int T2, int D2, int W2, int M2>
constexpr auto operator/(Quantity<T1, D1, W1, M1> a, Quantity<T2, D2, W2, M2> b) {
  if constexpr (T1 == T2 && D1 == D2 && W1 == W2 && M1 == M2) {
    return a.si() / b.si();
  } else {
    return Quantity<T1 - T2, D1 - D2, W1 - W2, M1 - M2>(a.si() / b.si());
  }
}

template <int T, int D, int W, int M>
constexpr auto operator/(double a, Quantity<T, D, W, M> b) {
  return Quantity<-T, -D, -W, -M>(a / b.si());
}

using Seconds = Quantity<1, 0, 0, 0>;
using Bytes = Quantity<0, 1, 0, 0>;
using Flops = Quantity<0, 0, 1, 0>;  // an amount of work, not a rate
using Dollars = Quantity<0, 0, 0, 1>;
using Bandwidth = Quantity<-1, 1, 0, 0>;
using FlopRate = Quantity<-1, 0, 1, 0>;
using Price = Quantity<-1, 0, 0, 1>;  // dollars per unit of time, per GPU

// Units are written as people write them.
// NOLINTBEGIN(readability-identifier-naming)
inline constexpr Seconds second{1.0};
inline constexpr Seconds millisecond{1e-3};
inline constexpr Seconds microsecond{1e-6};
inline constexpr Seconds minute{60.0};
inline constexpr Seconds hour{3600.0};
inline constexpr Seconds day{86400.0};

inline constexpr Bytes byte{1.0};
inline constexpr Bytes KB{1e3};
inline constexpr Bytes MB{1e6};
inline constexpr Bytes GB{1e9};
inline constexpr Bytes TB{1e12};
inline constexpr Bytes KiB{1024.0};
inline constexpr Bytes MiB{1024.0 * 1024.0};
inline constexpr Bytes GiB{1024.0 * 1024.0 * 1024.0};

inline constexpr Flops flop{1.0};
inline constexpr Flops GFLOP{1e9};
inline constexpr Flops TFLOP{1e12};

inline constexpr Dollars dollar{1.0};
// NOLINTEND(readability-identifier-naming)

}  // namespace towtank
