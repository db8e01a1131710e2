// Bisection bandwidth: the least that any cut of the network into halves with equally many cards
// must leave, in each direction.
#pragma once

#include <string>

#include "sim/base/units.hpp"
#include "sim/cluster/fabric.hpp"

namespace towtank {

struct Bisection {
  Bandwidth bandwidth = {};
  bool exact = true;   // otherwise the least of the cuts that were tried: an upper bound
  std::string method;  // in a few words
};

/// Of the network without its faults. Planes are each cut in halves, and the cuts added up. Trees
/// and tori by formula; otherwise by search (spectral bisection, refined by swaps).
Bisection bisection(const Fabric& fabric);

}  // namespace towtank
