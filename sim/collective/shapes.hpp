// The patterns that the algorithms are made of. Each appends its deliveries to a phase, in the
// convoys that they move in.
#pragma once

#include <vector>

#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"
#include "sim/collective/trees.hpp"

namespace towtank {

/// The convoys of a phase. Rings, chains and trees are one: all their rails carry parts of the same
/// data. What stays inside a node is one a node, what stays on a rail one a rail.
enum ConvoyNumber : int { kWhole = 0, kFirstNode = 1 };

/// A group's nodes, and the rails between them: as many as the node with fewest members has. Rail r
/// enters a node at the member entry(node, r). Where all nodes have members at as many common
/// places, rails keep to these (on a cluster whose last node is partly filled: those of the last
/// node); else a larger node spreads them over its members. On even nodes that is member r.
struct RailLayout {
  explicit RailLayout(const std::vector<Member>& all);

  int size() const { return members; }
  int node_count() const { return static_cast<int>(nodes.size()); }
  int largest() const;
  int entry(int node, int rail) const;
  /// True when some rail enters the node at this place of it.
  bool is_entry(int node, int place) const;

  int members = 0;
  int rail_count = 0;
  std::vector<NodeMembers> nodes;

 private:
  void keep_to_common_places(const std::vector<Member>& all);

  std::vector<std::vector<int>> entries_;  // (nodes, rails); empty: spread over the members
};

/// Rings through all members, one a rail, with `bytes` in all on every stretch: on one node all of
/// them go round; between nodes each enters at its rail's member, so that it leaves out one edge of
/// the node, and the cards share the bytes.
void add_rings(const RailLayout& layout, Bytes bytes, MovementPhase& phase);

/// Chains of the members of each node towards the member where each rail enters (`up`), or away
/// from it, with `bytes` in all.
void add_chains(const RailLayout& layout, Bytes bytes, bool up, MovementPhase& phase);

/// `bytes` up each of the trees of nodes and down again, shared by trees and rails.
void add_trees(const RailLayout& layout,
               const std::vector<Parents>& trees,
               Bytes bytes,
               MovementPhase& phase);

/// To the NVSwitch and back, for every member of every node that has more than one. All of it is
/// added up there, and copied from there, once: each of the members where rails enter gets a part
/// of the sums, and gives a part of what is copied. (In one node those are all its members.)
enum class InSwitch { kReduceAndCopy, kReduce, kCopy };
void add_in_switch(const RailLayout& layout, Bytes bytes, InSwitch how, MovementPhase& phase);

}  // namespace towtank
