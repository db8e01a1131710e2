// Where the members of a communicating group sit: node by node.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/plan/mesh.hpp"

namespace towtank {

/// A group's members as one of them reaches them.
struct Peers {
  std::vector<int> local;   // other members on the same node
  std::vector<int> remote;  // on each other node, the member at the same place in its node
  int next_remote = -1;     // the one of them on the node that follows in the ring; -1: none
  int nodes = 1;
};

/// A group of ranks by nodes, with as many members on each of them.
class GroupLayout {
 public:
  /// `group` ascends. Throws BrokenClaim if its nodes hold different numbers of members.
  GroupLayout(const Mesh& mesh, std::span<const int> group);

  std::size_t nodes() const { return starts_.size() - 1; }

  /// Members on one of the nodes, ascending.
  std::span<const int> node(std::size_t index) const {
    return std::span(members_).subspan(starts_[index], starts_[index + 1] - starts_[index]);
  }

  /// The member of a node that those at `place` of other nodes talk to.
  int at_place(std::size_t node_index, std::size_t place) const { return node(node_index)[place]; }

  Peers peers(int member) const;

 private:
  std::size_t node_index(int member) const;

  std::vector<int> members_;
  std::vector<std::size_t> starts_;  // of each node in members_, and the end
};

}  // namespace towtank
