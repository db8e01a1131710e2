// What a collective moves: the bytes between its members, and the hops of its longest way.
//
// A movement holds no times. Its phases follow one another; what a phase moves flows at the same
// time. A pipelined algorithm (ring, tree, in-switch) is one phase with the bytes of the whole
// call: its chunks follow each other so closely that every link is busy from the first to the last.
// A step-wise algorithm (recursive halving and doubling, two-level) has a phase a step. Patterns
// with a delivery for every pair stay symbolic, so that a movement's memory is linear in its
// members.
#pragma once

#include <string_view>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/collective/collective.hpp"

namespace towtank {

/// Instead of a member at one end of a delivery: the NVSwitch of the other end's node, or the
/// switches of the network (SHARP). The other end is then a member.
inline constexpr int kNodeSwitch = -1;
inline constexpr int kNetworkSwitch = -2;

/// What the members of each rail send is added by itself: the switches of rail 0 are
/// kNetworkSwitch, those of others below.
constexpr int network_switch(int rail) {
  return kNetworkSwitch - rail;
}
constexpr bool is_network_switch(int end) {
  return end <= kNetworkSwitch;
}

/// A delivery that keeps pace with no other.
inline constexpr int kByItself = -1;

/// `bytes` from one member to another. Indices into CollectiveCall::members.
struct Delivery {
  int from = 0;
  int to = 0;
  Medium medium = Medium::kNvlink;
  Bytes bytes;
  /// Deliveries of one convoy pass the same chunks on (a ring, a tree, the parts of an NVSwitch):
  /// those over one medium are done all together, at the pace of the slowest link. See convoys.hpp.
  int convoy = kByItself;
};

/// Every one of `members` sends `bytes` to every other of them, or only to those on other nodes.
struct Exchange {
  enum class Reach { kAll, kOtherNodes };
  std::vector<int> members;  // those of a node stand together
  Reach reach = Reach::kAll;
  Medium medium = Medium::kNvlink;
  Bytes bytes;  // from one member to one other
};

/// A member's copy of `bytes` to the memory of its host, or from there.
struct HostCopy {
  int member = 0;
  bool to_host = true;
  Bytes bytes;
};

/// Links that the first byte crosses one after another on the longest way.
struct Hops {
  int nvlink = 0;
  int nic = 0;
};

/// What flows at the same time.
struct MovementPhase {
  std::vector<Delivery> deliveries;
  std::vector<Exchange> exchanges;
  Hops hops;
};

struct Movement {
  int members = 0;
  std::vector<MovementPhase> phases;  // one after another
  /// Of no algorithm: what else the members' PCIe carries, from the beginning on. No phase waits
  /// for it.
  std::vector<HostCopy> host_copies = {};
};

/// Bytes through the ports of one member.
struct PortLoad {
  Bytes nvlink_out;
  Bytes nvlink_in;
  Bytes nic_out;
  Bytes nic_in;
};

/// The load of every member's ports in one phase; time and memory are linear in members and
/// deliveries. `members` are the call's (their nodes decide what Reach::kOtherNodes reaches).
std::vector<PortLoad> port_loads(const MovementPhase& phase, const std::vector<Member>& members);

/// The fullest port of each medium.
struct FullestPorts {
  Bytes nvlink;
  Bytes nic;
};
FullestPorts fullest_ports(const MovementPhase& phase, const std::vector<Member>& members);

/// Of the network cards that so many neighbours in a node share, the load of the fullest.
Bytes fullest_card(const MovementPhase& phase,
                   const std::vector<Member>& members,
                   int gpus_per_card);

/// Every delivery of a phase one by one, exchanges written out: for small groups, and for networks
/// on which every pair has a way of its own. Quadratic where the phase holds exchanges.
std::vector<Delivery> written_out(const MovementPhase& phase, const std::vector<Member>& members);

}  // namespace towtank
