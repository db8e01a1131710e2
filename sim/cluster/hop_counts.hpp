// How far cards are from each other: links on a shortest way.
#pragma once

#include "sim/cluster/fabric.hpp"

namespace towtank {

struct HopCounts {
  int diameter = 0;   // most links between two cards, those at the cards included
  double mean = 0.0;  // over all ordered pairs of different cards that are joined
  bool complete =
      true;  // otherwise of the ways from some switches only: a lower bound, an estimate
};

/// Fat trees without failures by counting; otherwise by breadth-first search over sound links, from
/// all switches with cards, or from some spread evenly when there are many. In multi-plane networks
/// only cards of one plane are joined.
HopCounts count_hops(const Fabric& fabric);

}  // namespace towtank
