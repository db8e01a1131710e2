// Collectives of groups whose nodes have different numbers of members: every algorithm that runs
// them moves all bytes, on as many rails as the smallest node has.
#include <array>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "sim/collective/algorithms.hpp"
#include "sim/collective/convoys.hpp"
#include "sim/collective/shapes.hpp"

namespace towtank {
namespace {

constexpr double kBytes = 5040.0;  // divides by all small counts

/// `count` GPUs of nodes of 8 from `first` on.
std::vector<Member> run_of(int first, int count) {
  std::vector<Member> members;
  members.reserve(static_cast<std::size_t>(count));
  for (int gpu = first; gpu < first + count; ++gpu) {
    members.push_back({.gpu = gpu, .node = gpu / 8, .place = gpu % 8});
  }
  return members;
}

std::vector<std::vector<Member>> ragged_groups() {
  return {run_of(0, 20), run_of(0, 12), run_of(4, 12), run_of(5, 5), run_of(6, 20), run_of(3, 28)};
}

std::string text(const std::vector<Member>& members) {
  std::vector<std::size_t> sizes;
  for (const NodeMembers& node : by_node(members)) {
    sizes.push_back(node.members.size());
  }
  return fmt::format("nodes with {}", fmt::join(sizes, ", "));
}

/// Calls `visit(algorithm, call, movement)` for all that can run.
template <typename Visit>
void for_each_movement(Visit visit) {
  for (const std::vector<Member>& members : ragged_groups()) {
    for (const Collective kind : kCollectives) {
      for (const Algorithm algorithm : kAlgorithms) {
        const CollectiveCall call{
            .kind = kind, .bytes = Bytes(kBytes), .members = members, .root = 1};
        if (why_not(algorithm, call).empty()) {
          SCOPED_TRACE(fmt::format("{} {} on {}", name(kind), name(algorithm), text(members)));
          visit(algorithm, call, movement(algorithm, call));
        }
      }
    }
  }
}

PortLoad total(const Movement& moved, const std::vector<Member>& members) {
  PortLoad sum;
  for (const MovementPhase& phase : moved.phases) {
    for (const PortLoad& load : port_loads(phase, members)) {
      sum.nvlink_out += load.nvlink_out;
      sum.nvlink_in += load.nvlink_in;
      sum.nic_out += load.nic_out;
      sum.nic_in += load.nic_in;
    }
  }
  return sum;
}

TEST(UnevenNodes, RunEveryAlgorithmButTheTwoLevelOne) {
  for (const std::vector<Member>& members : ragged_groups()) {
    CollectiveCall call{.bytes = Bytes(kBytes), .members = members};
    for (const Algorithm algorithm : {Algorithm::kRing,
                                      Algorithm::kTree,
                                      Algorithm::kDoubleTree,
                                      Algorithm::kHalvingDoubling,
                                      Algorithm::kInSwitchTree,
                                      Algorithm::kInNetwork}) {
      EXPECT_EQ(why_not(algorithm, call), "") << text(members);
    }
    EXPECT_NE(why_not(Algorithm::kHierarchical, call), "");
    call.kind = Collective::kAllToAll;
    EXPECT_EQ(why_not(Algorithm::kDirect, call), "");
  }
}

// What leaves a card enters another; what enters an NVSwitch to be added up leaves it, once added
// or copied: nothing else is made or lost.
TEST(UnevenNodes, ReceiveWhatIsSent) {
  for_each_movement([](Algorithm algorithm, const CollectiveCall& call, const Movement& moved) {
    const PortLoad sum = total(moved, call.members);
    EXPECT_NEAR(sum.nic_out.si(), sum.nic_in.si(), 1e-6);
    if (algorithm != Algorithm::kInSwitchTree && algorithm != Algorithm::kInNetwork) {
      EXPECT_NEAR(sum.nvlink_out.si(), sum.nvlink_in.si(), 1e-6);
    }
  });
}

// Each member must get all but its own part from others, or its sums: no algorithm gets by with
// less.
TEST(UnevenNodes, BringEveryMemberWhatItLacks) {
  for_each_movement([](Algorithm /*algorithm*/, const CollectiveCall& call, const Movement& moved) {
    const auto n = static_cast<double>(call.members.size());
    std::vector<double> received(call.members.size(), 0.0);
    for (const MovementPhase& phase : moved.phases) {
      const std::vector<PortLoad> loads = port_loads(phase, call.members);
      for (std::size_t i = 0; i < loads.size(); ++i) {
        received[i] += (loads[i].nvlink_in + loads[i].nic_in).si();
      }
    }
    for (std::size_t i = 0; i < received.size(); ++i) {
      double least = kBytes * (n - 1.0) / n;
      if (call.kind == Collective::kBroadcast) {
        least = static_cast<int>(i) == call.root ? 0.0 : kBytes;
      } else if (call.kind == Collective::kReduce) {
        least = static_cast<int>(i) == call.root ? kBytes : 0.0;
      } else if (call.kind == Collective::kReduceScatter) {
        least = kBytes / n;
      }
      EXPECT_GE(received[i], least - 1e-6);
    }
  });
}

// All nodes but one must hand in all of an all-reduce's bytes, and get all sums; where the network
// adds, every node hands in and gets them once.
TEST(UnevenNodes, CrossTheNetworkAsOftenAsTheAlgorithmSays) {
  for_each_movement([](Algorithm algorithm, const CollectiveCall& call, const Movement& moved) {
    if (call.kind != Collective::kAllReduce) {
      return;
    }
    const auto nodes = static_cast<double>(by_node(call.members).size());
    const double crossed = total(moved, call.members).nic_out.si();
    switch (algorithm) {
      case Algorithm::kRing:
        EXPECT_NEAR(crossed,
                    kBytes * nodes *
                        bus_factor(Collective::kAllReduce, static_cast<int>(call.members.size())),
                    1e-6);
        break;
      case Algorithm::kTree:
      case Algorithm::kDoubleTree:
      case Algorithm::kInSwitchTree:
        EXPECT_NEAR(crossed, 2.0 * kBytes * (nodes - 1.0), 1e-6);
        break;
      case Algorithm::kInNetwork:
        EXPECT_NEAR(crossed, kBytes * nodes, 1e-6);
        break;
      case Algorithm::kHalvingDoubling:
      case Algorithm::kInSwitch:
      case Algorithm::kHierarchical:
      case Algorithm::kDirect:
        EXPECT_GE(crossed, 2.0 * kBytes * (nodes - 1.0) - 1e-6);
        break;
    }
  });
}

// As many cards of each node carry a ring as its smallest node has members, all equally much.
TEST(UnevenNodes, HaveAsManyRingsAsTheSmallestNodeHasMembers) {
  for (const std::vector<Member>& members : ragged_groups()) {
    const CollectiveCall call{
        .kind = Collective::kAllGather, .bytes = Bytes(kBytes), .members = members};
    const RailLayout layout(members);
    const auto n = static_cast<double>(members.size());
    const std::vector<PortLoad> loads =
        port_loads(movement(Algorithm::kRing, call).phases.front(), members);
    for (const NodeMembers& node : layout.nodes) {
      int carrying = 0;
      for (const int member : node.members) {
        const PortLoad& load = loads[static_cast<std::size_t>(member)];
        carrying += load.nic_out > Bytes() ? 1 : 0;
        EXPECT_TRUE(load.nic_out == Bytes() ||
                    std::abs(load.nic_out.si() - kBytes * (n - 1.0) / n / layout.rail_count) <
                        1e-6);
        EXPECT_EQ(load.nic_out, load.nic_in);
      }
      EXPECT_EQ(carrying, layout.rail_count) << text(members);
    }
  }
}

// On a cluster whose last node is partly filled no ring changes rails.
TEST(UnevenNodes, KeepToTheRailsThatAllNodesHave) {
  const std::vector<Member> members = run_of(0, 20);
  const CollectiveCall call{.bytes = Bytes(kBytes), .members = members};
  for (const Algorithm algorithm :
       {Algorithm::kRing, Algorithm::kDoubleTree, Algorithm::kInSwitchTree}) {
    const Movement moved = movement(algorithm, call);
    for (const Delivery& delivery : moved.phases.front().deliveries) {
      if (delivery.medium == Medium::kNic) {
        EXPECT_EQ(members[static_cast<std::size_t>(delivery.from)].place,
                  members[static_cast<std::size_t>(delivery.to)].place);
      }
    }
  }
}

// In-switch tree: the sums that a card sends on are those that its GPU gets from the NVSwitch.
TEST(UnevenNodes, HandTheSumsToTheCardsThatSendThemOn) {
  for (const std::vector<Member>& members : ragged_groups()) {
    const CollectiveCall call{.bytes = Bytes(kBytes), .members = members};
    const RailLayout layout(members);
    const std::vector<PortLoad> loads =
        port_loads(movement(Algorithm::kInSwitchTree, call).phases.front(), members);
    for (const NodeMembers& node : layout.nodes) {
      double parts = 0.0;
      for (const int member : node.members) {
        const PortLoad& load = loads[static_cast<std::size_t>(member)];
        const double part = load.nvlink_in.si() - kBytes;  // all sums come down to all
        EXPECT_EQ(part > 1e-6, load.nic_out > Bytes());
        parts += part;
      }
      EXPECT_NEAR(parts, kBytes, 1e-6);
    }
  }
}

TEST(UnevenNodes, MoveInConvoysOfEqualParts) {
  for_each_movement(
      [](Algorithm /*algorithm*/, const CollectiveCall& /*call*/, const Movement& moved) {
        for (const MovementPhase& phase : moved.phases) {
          double in_convoys = 0.0;
          for (const Convoy& convoy : convoys(phase)) {
            for (const Convoy::Leg& leg : convoy.legs) {
              in_convoys += convoy.part.si() * leg.parts;
            }
          }
          double delivered = 0.0;
          for (const Delivery& delivery : phase.deliveries) {
            delivered += delivery.convoy == kByItself ? 0.0 : delivery.bytes.si();
          }
          EXPECT_NEAR(in_convoys, delivered, 1e-6 * delivered);
        }
      });
}

}  // namespace
}  // namespace towtank
