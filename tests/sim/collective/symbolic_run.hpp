// Runs collectives on symbolic data: what a block holds is the set of members whose contributions
// are in it. Written from the algorithms' definitions, independent of sim/collective's counting.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/collective/movement.hpp"

namespace towtank {

/// Bit i: member i's contribution is in it. Up to 63 members.
using Contributions = std::uint64_t;

/// Every member's blocks, and the bytes each pair of members exchanged.
struct SymbolicRun {
  std::vector<std::vector<Contributions>> held;  // (member, block)
  std::map<std::pair<int, int>, double> sent;    // (from, to) -> bytes
};

/// Every member begins with its own contribution to every block.
inline SymbolicRun own_contributions(int members, int blocks) {
  SymbolicRun run;
  for (int member = 0; member < members; ++member) {
    run.held.emplace_back(static_cast<std::size_t>(blocks), Contributions{1} << member);
  }
  return run;
}

inline Contributions all_of(int members) {
  return (Contributions{1} << members) - 1;
}

/// One block from one member to another, which adds it to its own.
inline void send(SymbolicRun& run, int from, int to, int block, double bytes) {
  run.sent[{from, to}] += bytes;
  run.held[static_cast<std::size_t>(to)][static_cast<std::size_t>(block)] |=
      run.held[static_cast<std::size_t>(from)][static_cast<std::size_t>(block)];
}

/// The classic ring over `order`: n - 1 steps reduce blocks first_block ... first_block + n - 1, so
/// that the member at position p ends with all of block p + 1; n - 1 more gather them.
inline void ring_reduce(SymbolicRun& run, const std::vector<int>& order, int first, double bytes) {
  const int n = static_cast<int>(order.size());
  for (int step = 0; step < n - 1; ++step) {
    for (int p = 0; p < n; ++p) {
      const int block = ((p - step) % n + n) % n;
      send(run,
           order[static_cast<std::size_t>(p)],
           order[static_cast<std::size_t>((p + 1) % n)],
           first + block,
           bytes);
    }
  }
}

inline void ring_gather(SymbolicRun& run, const std::vector<int>& order, int first, double bytes) {
  const int n = static_cast<int>(order.size());
  for (int step = 0; step < n - 1; ++step) {
    for (int p = 0; p < n; ++p) {
      const int block = ((p + 1 - step) % n + n) % n;
      send(run,
           order[static_cast<std::size_t>(p)],
           order[static_cast<std::size_t>((p + 1) % n)],
           first + block,
           bytes);
    }
  }
}

/// The bytes of every pair over all phases of a movement.
inline std::map<std::pair<int, int>, double> pairs_of(const Movement& movement,
                                                      const std::vector<Member>& members) {
  std::map<std::pair<int, int>, double> pairs;
  for (const MovementPhase& phase : movement.phases) {
    for (const Delivery& delivery : written_out(phase, members)) {
      pairs[{delivery.from, delivery.to}] += delivery.bytes.si();
    }
  }
  return pairs;
}

}  // namespace towtank
