#include "sim/collective/pair_bytes.hpp"

#include <utility>

#include "sim/base/error.hpp"

namespace towtank {

Bytes PairMatrix::total() const {
  Bytes sum;
  for (int from = 0; from < members; ++from) {
    for (int to = 0; to < members; ++to) {
      sum += from == to ? Bytes() : at(from, to);
    }
  }
  return sum;
}

Movement pair_movement(const PairMatrix& matrix, const std::vector<Member>& members) {
  check(matrix.members == static_cast<int>(members.size()) &&
            matrix.bytes.size() == members.size() * members.size(),
        "a matrix has a row and a column for every member");
  MovementPhase phase;
  phase.deliveries.reserve(matrix.bytes.size());
  for (int from = 0; from < matrix.members; ++from) {
    for (int to = 0; to < matrix.members; ++to) {
      if (from == to || matrix.at(from, to) <= Bytes()) {
        continue;
      }
      const bool near = members[static_cast<std::size_t>(from)].node ==
                        members[static_cast<std::size_t>(to)].node;
      (near ? phase.hops.nvlink : phase.hops.nic) = 1;
      phase.deliveries.push_back({.from = from,
                                  .to = to,
                                  .medium = near ? Medium::kNvlink : Medium::kNic,
                                  .bytes = matrix.at(from, to)});
    }
  }
  Movement moved{.members = matrix.members, .phases = {}};
  if (!phase.deliveries.empty()) {
    moved.phases.push_back(std::move(phase));
  }
  return moved;
}

}  // namespace towtank
