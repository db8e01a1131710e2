// The ways over the network that the members of a group use.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "sim/base/units.hpp"
#include "sim/graph/fabric_wires.hpp"
#include "sim/plan/group_layout.hpp"

namespace towtank {

/// Calls `visit(from, to)` for each member of a node and the one that stands at its place on
/// another, both ways. (Where nodes hold different numbers of members, several stand at one place
/// of the smaller node.)
template <typename Visit>
void for_each_way(const GroupLayout& group, Visit visit) {
  const std::size_t nodes = group.nodes();
  for (std::size_t node = 0; node < nodes; ++node) {
    const std::span<const int> members = group.node(node);
    for (std::size_t place = 0; place < members.size(); ++place) {
      for (std::size_t step = 1; step < nodes; ++step) {
        const std::size_t other = (node + step) % nodes;
        visit(members[place], group.at_place(other, place));
        const std::span<const int> there = group.node(other);
        for (std::size_t more = place + members.size(); more < there.size();
             more += members.size()) {
          visit(members[place], there[more]);
        }
      }
    }
  }
}

/// Latency of the longest of these ways; zero for a group on one node. `first_gpu` is that of rank
/// 0.
inline Seconds longest_way(const GroupLayout& group, FabricWires& fabric, int first_gpu) {
  Seconds longest;
  for_each_way(group, [&](int from, int to) {
    longest = std::max(longest, fabric.between(first_gpu + from, first_gpu + to).latency);
  });
  return longest;
}

}  // namespace towtank
