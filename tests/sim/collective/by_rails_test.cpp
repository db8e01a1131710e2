#include "sim/collective/by_rails.hpp"

#include <gtest/gtest.h>

#include "sim/collective/algorithms.hpp"

namespace towtank {
namespace {

MovementPhase all_to_all(const std::vector<Member>& members) {
  return movement(Algorithm::kDirect,
                  {.kind = Collective::kAllToAll, .bytes = 160 * MB, .members = members})
      .phases.front();
}

// Against the two-level algorithm, which goes by rails of its own accord.
TEST(ByRails, MoveWhatTheTwoLevelAllToAllMoves) {
  const std::vector<Member> members = even_members(5, 4);
  const MovementPhase railed = by_rails(all_to_all(members), members);
  const MovementPhase two_level =
      movement(Algorithm::kHierarchical,
               {.kind = Collective::kAllToAll, .bytes = 160 * MB, .members = members})
          .phases.front();
  const std::vector<PortLoad> by_network = port_loads(railed, members);
  const std::vector<PortLoad> by_choice = port_loads(two_level, members);
  for (std::size_t i = 0; i < members.size(); ++i) {
    EXPECT_NEAR(by_network[i].nic_out / by_choice[i].nic_out, 1.0, 1e-12);
    EXPECT_NEAR(by_network[i].nic_in / by_choice[i].nic_in, 1.0, 1e-12);
    EXPECT_NEAR(by_network[i].nvlink_out / by_choice[i].nvlink_out, 1.0, 1e-12);
    EXPECT_NEAR(by_network[i].nvlink_in / by_choice[i].nvlink_in, 1.0, 1e-12);
  }
}

TEST(ByRails, StayOnTheirRail) {
  const std::vector<Member> members = even_members(5, 4);
  for (const Exchange& exchange : by_rails(all_to_all(members), members).exchanges) {
    if (exchange.medium != Medium::kNic) {
      continue;
    }
    for (const int member : exchange.members) {
      EXPECT_EQ(members[static_cast<std::size_t>(member)].place,
                members[static_cast<std::size_t>(exchange.members.front())].place);
    }
  }
}

TEST(ByRails, LeaveUnevenMembersAsTheyAre) {
  std::vector<Member> members = even_members(3, 4);
  members.pop_back();
  const MovementPhase before = all_to_all(members);
  const MovementPhase after = by_rails(before, members);
  EXPECT_EQ(after.exchanges.size(), before.exchanges.size());
  EXPECT_EQ(after.exchanges.back().reach, Exchange::Reach::kOtherNodes);
}

}  // namespace
}  // namespace towtank
