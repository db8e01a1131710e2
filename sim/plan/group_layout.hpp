// Where the members of a communicating group sit: node by node.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/plan/mesh.hpp"

namespace towtank {

/// A group's members as one of them reaches them.
struct Peers {
  std::vector<int> local;    // other members on the same node
  std::vector<int> remote;   // on each other node, the member that stands at this one's place there
  std::vector<int> landing;  // members on other nodes at whose place there this one stands
  int nodes = 1;
};

/// A group of ranks by nodes. What goes from a member to another node goes to the member at its
/// place there; on a node with fewer members, places are counted round it.
class GroupLayout {
 public:
  /// `group` ascends (BrokenClaim otherwise).
  GroupLayout(const Mesh& mesh, std::span<const int> group);

  std::size_t nodes() const { return starts_.size() - 1; }

  /// Whether every node has as many members as the others: `landing` is then `remote`.
  bool even() const;

  /// Members on one of the nodes, ascending.
  std::span<const int> node(std::size_t index) const {
    return std::span(members_).subspan(starts_[index], starts_[index + 1] - starts_[index]);
  }

  /// The member of a node that those at `place` of other nodes talk to.
  int at_place(std::size_t node_index, std::size_t place) const {
    const std::span<const int> there = node(node_index);
    return there[place % there.size()];
  }

  Peers peers(int member) const;

  /// Whether `to`, on another node than `from`, stands at its place there.
  bool lands(int from, int to) const;

  /// How many members on other nodes have `member` at their place on its node.
  int landings(int member) const;

 private:
  std::size_t node_index(int member) const;
  std::size_t place(int member) const;

  std::vector<int> members_;
  std::vector<std::size_t> starts_;  // of each node in members_, and the end
};

}  // namespace towtank
