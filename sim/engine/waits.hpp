// Who waits for whom in an op graph: dependencies, the order of each stream, and rendezvous.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Operations that start and end together (a rendezvous, or one operation alone) are a unit, known
/// by its first operation.
struct Waits {
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  std::vector<std::uint32_t> unit;  // (operations)
  std::vector<std::uint32_t> next;  // (operations): the next of its unit, kNone after the last
  /// (operations + 1): where each operation's waiters start in `waiters`
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> waiters;  // units that cannot start before the operation has ended
  /// (operations): at a unit's first operation, the times that it stands in `waiters`
  std::vector<int> before;

  std::span<const std::uint32_t> waiting_for(std::size_t operation) const {
    return std::span(waiters).subspan(first[operation], first[operation + 1] - first[operation]);
  }
};

/// Time and memory are linear in operations and dependencies.
Waits find_waits(const OpGraph& graph);

}  // namespace towtank
