// Into how many equal parts flows are counted, so that every share of a wire is a whole number.
#pragma once

#include "sim/base/error.hpp"

namespace towtank {

/// Parts of which a flow has at most so many: times the copies of a flow, inside 31 bits.
inline constexpr int kMostUnits = 1 << 26;

/// 2^5 3^2 5 7 11: every division into up to 12 equal parts, and into 32, is a whole number of it.
inline constexpr int kUnitsOfSpreadTraffic = 110880;

class FlowUnits {
 public:
  /// `coarsest` divides every flow that nothing spreads; `units` all that are expected. Errors are
  /// at `place`.
  FlowUnits(int coarsest, int units, Place place);

  int units() const { return units_; }

  /// Starts with the coarsest; of() makes units finer where it must.
  void let_grow();

  /// A share of a flow, in units. Throws InputError when it is no multiple of one.
  int of(double share);

 private:
  int coarsest_ = 1;
  int units_ = 1;
  bool grow_ = false;
  Place place_;
};

}  // namespace towtank
