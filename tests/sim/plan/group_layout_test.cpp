// Groups by nodes, whose nodes may hold different numbers of members.
#include "sim/plan/group_layout.hpp"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace towtank {
namespace {

constexpr int kGpusPerNode = 8;

Mesh mesh_of(int ranks) {
  TrainingPlan plan;
  plan.data = ranks;
  return {plan, kGpusPerNode};
}

/// Runs of every length that begin at every place of a node.
template <typename Visit>
void for_each_run(Visit visit) {
  const Mesh mesh = mesh_of(64);
  for (int first = 0; first < kGpusPerNode; ++first) {
    for (int size = 1; size <= 30; ++size) {
      std::vector<int> group(static_cast<std::size_t>(size));
      std::iota(group.begin(), group.end(), first);
      visit(mesh, group);
    }
  }
}

TEST(GroupLayout, IsEvenWhenItsShapeIs) {
  for_each_run([](const Mesh& mesh, const std::vector<int>& group) {
    EXPECT_EQ(GroupLayout(mesh, group).even(), group_shape(mesh, group).even());
  });
}

// What every member hands to the one at its place on each other node, and what lands is passed on
// to the other members there: everybody has everything once.
TEST(GroupLayout, BringsEveryMembersDataToEveryOtherMemberOnce) {
  for_each_run([](const Mesh& mesh, const std::vector<int>& group) {
    const GroupLayout layout(mesh, group);
    std::vector<int> received(group.size(), 0);
    const auto at = [&](int rank) -> int& {
      return received[static_cast<std::size_t>(rank - group.front())];
    };
    for (const int member : group) {
      const Peers peers = layout.peers(member);
      EXPECT_EQ(peers.landing.size(), static_cast<std::size_t>(layout.landings(member)));
      at(member) += layout.landings(member);
      for (const int other : peers.local) {
        at(other) += 1 + layout.landings(member);
      }
      EXPECT_EQ(peers.remote.size() + 1, layout.nodes());
      for (const int other : peers.remote) {
        EXPECT_NE(mesh.node(other), mesh.node(member));
        EXPECT_TRUE(layout.lands(member, other));
        const std::vector<int> back = layout.peers(other).landing;
        EXPECT_EQ(std::ranges::count(back, member), 1);
      }
    }
    for (const int count : received) {
      EXPECT_EQ(count, static_cast<int>(group.size()) - 1);
    }
  });
}

TEST(GroupLayout, OfEvenNodesKeepsToEqualPlaces) {
  const Mesh mesh = mesh_of(32);
  std::vector<int> group(24);
  std::iota(group.begin(), group.end(), 8);
  const GroupLayout layout(mesh, group);
  for (const int member : group) {
    EXPECT_EQ(layout.peers(member).remote, layout.peers(member).landing);
    for (const int other : layout.peers(member).remote) {
      EXPECT_EQ(other % kGpusPerNode, member % kGpusPerNode);
    }
  }
}

}  // namespace
}  // namespace towtank
