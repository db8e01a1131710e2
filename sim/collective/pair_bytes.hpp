// An all-to-all with a size of its own for every pair (all-to-all-v).
#pragma once

#include <cstddef>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"

namespace towtank {

/// What each of some members sends to each other of them; nothing to itself.
struct PairMatrix {
  int members = 0;
  std::vector<Bytes> bytes;  // (from, to), row by row

  Bytes at(int from, int to) const {
    return bytes[static_cast<std::size_t>(from) * static_cast<std::size_t>(members) +
                 static_cast<std::size_t>(to)];
  }
  Bytes total() const;
};

/// Every pair by itself, all at once; what a member keeps to itself does not move. BrokenClaim when
/// there are not as many members.
Movement pair_movement(const PairMatrix& matrix, const std::vector<Member>& members);

}  // namespace towtank
