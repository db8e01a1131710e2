// Ranks and wires that behave alike: the equitable partition that makes cost grow with behaviours,
// not with GPUs.
#pragma once

#include <cstdint>
#include <vector>

namespace towtank {

/// How ranks and the wires between them are related, as far as their timing can depend on each
/// other. Labels tell relations of different kinds apart. Flat lists, so that a million ranks fit.
struct RankRelations {
  /// `rank` is a member of `group`: they start and end something together.
  struct Membership {
    int label = 0;
    int group = 0;
    int rank = 0;
  };
  /// `from` sends to `to`. As a part of what a group moves at one rate (a ring), ranks do not feel
  /// whose neighbour they are: the sending relates its wires to the group, and nothing else.
  struct Sending {
    int label = 0;
    int from = 0;
    int to = 0;
    int group = -1;
  };
  /// A sending goes through a rank's port, where the way of its kind says so: ranks between its
  /// ends pass it on. Sendings without passages use the same ports of their ends.
  struct Passage {
    int sending = 0;
    int rank = 0;
    int port = 0;   // which of the rank's
    int share = 1;  // in units that are the same for all
  };
  /// A sending takes a share of a wire that others may fill as well.
  struct Crossing {
    int sending = 0;
    int wire = 0;
    int share = 1;  // in units that are the same for all
  };

  /// (ranks): what a rank does by itself: equal numbers, equal programs on equally fast GPUs
  std::vector<std::uint64_t> attributes;
  std::vector<std::uint64_t> wires;  // (wires): equal numbers, equal names and capacities
  int groups = 0;
  std::vector<Membership> memberships;
  std::vector<Sending> sendings;
  std::vector<Crossing> crossings;  // ascending by sending
  std::vector<Passage> passages;    // likewise
};

/// A partition of things that are numbered from 0.
struct Partition {
  std::vector<int> class_of;          // (things)
  std::vector<int> representatives;   // (classes): the lowest of each class, ascending
  std::vector<std::int64_t> members;  // (classes)

  friend bool operator==(const Partition&, const Partition&) = default;
};

struct RankClasses {
  Partition ranks;
  Partition wires;
};

/// The coarsest equitable partition: ranks of one class have equal attributes and, label by label,
/// send to and receive from equally many ranks of each other class over wires and through ports of
/// equal classes, pass on equally many sendings of each kind, and belong to groups with equally
/// many members of each class and on equally many wires of each; wires of one class have equal
/// capacities and carry equally many sendings and groups of each kind. Found by colour refinement:
/// start from the attributes, split by what is related until nothing splits. Colours are 64-bit
/// hashes of multisets: two different things share a class by accident once in some 10^7 partitions
/// of a million ranks. Rounds are linear in the relations.
RankClasses equitable_partition(const RankRelations& relations);

/// Everything in a class of its own.
Partition unfolded(int things);

}  // namespace towtank
