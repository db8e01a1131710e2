// What holds of every movement, whatever the algorithm.
#include "sim/collective/movement.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/collective/algorithms.hpp"

namespace towtank {
namespace {

/// Nodes of 1 to 9 members, some clusters even and some ragged.
std::vector<Member> random_members(std::mt19937& random) {
  const int nodes = static_cast<int>(random() % 6) + 1;
  const bool ragged = random() % 2 == 0;
  const int size = static_cast<int>(random() % 9) + 1;
  std::vector<Member> members;
  for (int node = 0; node < nodes; ++node) {
    const int here = ragged ? static_cast<int>(random() % 9) + 1 : size;
    for (int place = 0; place < here; ++place) {
      members.push_back({.gpu = node * 16 + place, .node = node, .place = place});
    }
  }
  return members;
}

/// Calls `visit` with many calls and the algorithms that can run them.
template <typename Visit>
void for_many_calls(Visit visit) {
  std::mt19937 random(7);
  int runs = 0;
  for (int trial = 0; trial < 300; ++trial) {
    CollectiveCall call{.bytes = Bytes(static_cast<double>(random() % 100000 + 1)),
                        .members = random_members(random)};
    call.root = static_cast<int>(random() % call.members.size());
    for (const Collective kind : kCollectives) {
      call.kind = kind;
      for (const Algorithm algorithm : kAlgorithms) {
        if (call.members.size() > 1 && why_not(algorithm, call).empty()) {
          visit(call, algorithm);
          ++runs;
        }
      }
    }
  }
  EXPECT_GT(runs, 3000);
}

TEST(AnyMovement, ConservesBytes) {
  for_many_calls([](const CollectiveCall& call, Algorithm algorithm) {
    if (algorithm == Algorithm::kInSwitch && call.kind != Collective::kAllReduce) {
      return;  // the switch makes one of many, or many of one: see InSwitchGather
    }
    for (const MovementPhase& phase : movement(algorithm, call).phases) {
      PortLoad sum;
      for (const PortLoad& load : port_loads(phase, call.members)) {
        sum.nvlink_out += load.nvlink_out;
        sum.nvlink_in += load.nvlink_in;
        sum.nic_out += load.nic_out;
        sum.nic_in += load.nic_in;
      }
      EXPECT_NEAR(sum.nvlink_out.si(), sum.nvlink_in.si(), 1e-9 * sum.nvlink_in.si());
      EXPECT_NEAR(sum.nic_out.si(), sum.nic_in.si(), 1e-9 * sum.nic_in.si());
    }
  });
}

TEST(AnyMovement, LoadsThePortsOfItsPairsOneByOne) {
  for_many_calls([](const CollectiveCall& call, Algorithm algorithm) {
    for (const MovementPhase& phase : movement(algorithm, call).phases) {
      const MovementPhase pairs{
          .deliveries = written_out(phase, call.members), .exchanges = {}, .hops = {}};
      const std::vector<PortLoad> symbolic = port_loads(phase, call.members);
      const std::vector<PortLoad> written = port_loads(pairs, call.members);
      for (std::size_t i = 0; i < symbolic.size(); ++i) {
        EXPECT_NEAR(symbolic[i].nvlink_out.si(), written[i].nvlink_out.si(), 1e-6);
        EXPECT_NEAR(symbolic[i].nic_in.si(), written[i].nic_in.si(), 1e-6);
      }
    }
  });
}

TEST(AnyMovement, CrossesNodesOverCardsAndStaysInNodesOverNvlink) {
  for_many_calls([](const CollectiveCall& call, Algorithm algorithm) {
    for (const MovementPhase& phase : movement(algorithm, call).phases) {
      for (const Delivery& delivery : written_out(phase, call.members)) {
        if (delivery.from < 0 || delivery.to < 0) {
          const int adder = std::min(delivery.from, delivery.to);
          EXPECT_EQ(is_network_switch(adder), delivery.medium == Medium::kNic);
          EXPECT_EQ(adder == kNodeSwitch, delivery.medium == Medium::kNvlink);
          continue;
        }
        EXPECT_NE(delivery.from, delivery.to);
        const bool same = call.members[static_cast<std::size_t>(delivery.from)].node ==
                          call.members[static_cast<std::size_t>(delivery.to)].node;
        EXPECT_EQ(delivery.medium, same ? Medium::kNvlink : Medium::kNic);
      }
    }
  });
}

/// What a member that did not hold it must receive, however the collective is done.
Bytes least_received(const CollectiveCall& call, std::size_t member) {
  const auto n = static_cast<double>(call.members.size());
  const bool root = static_cast<int>(member) == call.root;
  switch (call.kind) {
    case Collective::kAllGather:
    case Collective::kAllToAll:
      return call.bytes * ((n - 1.0) / n);
    case Collective::kAllReduce:
      return call.bytes;  // its own share can be added up elsewhere, but must come back
    case Collective::kReduceScatter:
      return call.bytes / n;
    case Collective::kBroadcast:
      return root ? Bytes() : call.bytes;
    case Collective::kReduce:
      return root ? call.bytes : Bytes();
    case Collective::kSendRecv:
      break;
  }
  return member == 1 ? call.bytes : Bytes();
}

TEST(AnyMovement, BringsEveryMemberWhatItMustReceive) {
  for_many_calls([](const CollectiveCall& call, Algorithm algorithm) {
    std::vector<double> received(call.members.size());
    for (const MovementPhase& phase : movement(algorithm, call).phases) {
      const std::vector<PortLoad> loads = port_loads(phase, call.members);
      for (std::size_t i = 0; i < loads.size(); ++i) {
        received[i] += (loads[i].nvlink_in + loads[i].nic_in).si();
      }
    }
    for (std::size_t i = 0; i < received.size(); ++i) {
      EXPECT_GE(received[i] * (1.0 + 1e-9), least_received(call, i).si())
          << name(algorithm) << " " << name(call.kind) << " of " << call.members.size();
    }
  });
}

TEST(AnyMovement, GrowsWithItsBytesAndNotWithAnythingElse) {
  for_many_calls([](const CollectiveCall& call, Algorithm algorithm) {
    CollectiveCall twice = call;
    twice.bytes = call.bytes * 2.0;
    const Movement once = movement(algorithm, call);
    const Movement doubled = movement(algorithm, twice);
    ASSERT_EQ(once.phases.size(), doubled.phases.size());
    for (std::size_t i = 0; i < once.phases.size(); ++i) {
      const FullestPorts small = fullest_ports(once.phases[i], call.members);
      const FullestPorts large = fullest_ports(doubled.phases[i], call.members);
      EXPECT_NEAR(large.nvlink.si(), 2.0 * small.nvlink.si(), 1e-6);
      EXPECT_NEAR(large.nic.si(), 2.0 * small.nic.si(), 1e-6);
      EXPECT_EQ(once.phases[i].hops.nic, doubled.phases[i].hops.nic);
    }
  });
}

TEST(InSwitchAllReduce, MovesTheDataOnceAndAPartOnEachPort) {
  const CollectiveCall call{.bytes = 800 * MB, .members = even_members(1, 8)};
  const Movement moved = movement(Algorithm::kInSwitch, call);
  for (const PortLoad& load : port_loads(moved.phases.front(), call.members)) {
    EXPECT_NEAR(load.nvlink_out / MB, 900.0, 1e-9);
    EXPECT_NEAR(load.nvlink_in / MB, 900.0, 1e-9);
  }
}

TEST(InSwitchGather, SendsEveryPartOnceAndReceivesAll) {
  CollectiveCall call{
      .kind = Collective::kAllGather, .bytes = 800 * MB, .members = even_members(1, 8)};
  const PortLoad gather =
      port_loads(movement(Algorithm::kInSwitch, call).phases.front(), call.members).front();
  EXPECT_NEAR(gather.nvlink_out / MB, 100.0, 1e-9);
  EXPECT_NEAR(gather.nvlink_in / MB, 800.0, 1e-9);
  call.kind = Collective::kReduceScatter;
  const PortLoad scatter =
      port_loads(movement(Algorithm::kInSwitch, call).phases.front(), call.members).front();
  EXPECT_EQ(scatter.nvlink_out, gather.nvlink_in);
  EXPECT_EQ(scatter.nvlink_in, gather.nvlink_out);
}

TEST(TwoNodeTree, SendsHalfOfWhatBusbwSuggestsOverTheCards) {
  const CollectiveCall call{.bytes = 800 * MB, .members = even_members(2, 8)};
  const FullestPorts tree =
      fullest_ports(movement(Algorithm::kDoubleTree, call).phases.front(), call.members);
  const FullestPorts ring =
      fullest_ports(movement(Algorithm::kRing, call).phases.front(), call.members);
  EXPECT_NEAR(tree.nic / MB, 100.0, 1e-9);
  EXPECT_NEAR(ring.nic / MB, 187.5, 1e-9);
}

TEST(AllToAll, NeedsMemoryLinearInItsMembers) {
  for (const Algorithm algorithm : {Algorithm::kDirect, Algorithm::kHierarchical}) {
    const CollectiveCall call{
        .kind = Collective::kAllToAll, .bytes = 64 * MiB, .members = even_members(1024, 8)};
    const Movement moved = movement(algorithm, call);
    std::size_t named = 0;
    for (const Exchange& exchange : moved.phases.front().exchanges) {
      named += exchange.members.size();
    }
    EXPECT_LE(named, 2U * 8192U);
    EXPECT_TRUE(moved.phases.front().deliveries.empty());
  }
}

TEST(ExpertExchange, CrossesToEachNodeOnItsOwnRail) {
  const std::vector<Member> members = even_members(3, 4);
  const Movement moved =
      expert_exchange(members, {.to_remote_node = 10 * MB, .to_local_peer = 3 * MB});
  for (const Delivery& delivery : written_out(moved.phases.front(), members)) {
    const Member& from = members[static_cast<std::size_t>(delivery.from)];
    const Member& to = members[static_cast<std::size_t>(delivery.to)];
    const bool far = from.node != to.node;
    EXPECT_EQ(delivery.bytes, far ? 10 * MB : 3 * MB);
    EXPECT_TRUE(!far || from.place == to.place);
  }
  for (const PortLoad& load : port_loads(moved.phases.front(), members)) {
    EXPECT_NEAR(load.nic_out / MB, 20.0, 1e-9);
    EXPECT_NEAR(load.nvlink_in / MB, 9.0, 1e-9);
  }
}

TEST(WhyNot, NamesWhatStandsInTheWay) {
  CollectiveCall call{.bytes = 1 * MB, .members = {{0, 0, 0}, {1, 0, 1}, {8, 1, 0}}};
  EXPECT_EQ(why_not(Algorithm::kHierarchical, call),
            "hierarchical needs as many members on every node as on the others");
  EXPECT_EQ(why_not(Algorithm::kInSwitch, call),
            "in-switch stays within one node; between nodes: in-switch-tree");
  call.kind = Collective::kAllGather;
  EXPECT_EQ(why_not(Algorithm::kInSwitch, call), "in-switch stays within one node");
  call.kind = Collective::kAllReduce;
  EXPECT_EQ(why_not(Algorithm::kInSwitchTree, call),
            "in-switch-tree needs two members or more on every node");
  EXPECT_EQ(why_not(Algorithm::kDirect, call), "direct does no all-reduce");
  call.kind = Collective::kSendRecv;
  EXPECT_EQ(why_not(Algorithm::kDirect, call), "send-recv has two members");
  EXPECT_FALSE(why_not_by_rails(call.members).empty());
  EXPECT_THROW(movement(Algorithm::kDirect, call), BrokenClaim);
}

TEST(Members, OfANodeStandTogether) {
  EXPECT_THROW(by_node({{0, 0, 0}, {8, 1, 0}, {1, 0, 1}}), BrokenClaim);
}

}  // namespace
}  // namespace towtank
