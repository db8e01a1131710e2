#include "sim/graph/movement_graph.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/collective/algorithms.hpp"
#include "sim/graph/movement_relations.hpp"

namespace towtank {
namespace {

Cluster cluster_of(int nodes) {
  return {.name = "test",
          .gpu = "test",
          .nodes = nodes,
          .gpus_per_node = 8,
          .nvlink = {.bandwidth = 400 * GB / second, .latency = Seconds()},
          .nic = {.bandwidth = 50 * GB / second, .latency = Seconds()}};
}

GroupMovement moved(Algorithm algorithm, Collective kind, int nodes) {
  const CollectiveCall call{.kind = kind, .bytes = 64 * MiB, .members = even_members(nodes, 8)};
  return {.members = call.members, .movement = movement(algorithm, call)};
}

MovementGraph lowered(const Cluster& cluster, const GroupMovement& group, Folding folding) {
  std::optional<FabricWires> fabric;
  if (cluster.fabric) {
    fabric.emplace(cluster);
  }
  return lower_movements(cluster, fabric ? &*fabric : nullptr, {&group, 1}, folding);
}

TEST(MovementGraph, OfARingIsOneRankAndAFlowForEachMedium) {
  const MovementGraph ring = lowered(
      cluster_of(256), moved(Algorithm::kRing, Collective::kAllReduce, 256), Folding::kFolded);
  EXPECT_EQ(ring.ranks, 2048);
  ASSERT_EQ(ring.graph.ranks.size(), 1U);
  EXPECT_EQ(ring.graph.ranks.front().members, 2048);
  ASSERT_EQ(ring.graph.traffics.size(), 1U);
  EXPECT_EQ(ring.graph.traffics.front().flows.size(), 2U);
}

// A fault is alone, its node is told apart where it matters, and all others stay one.
TEST(MovementGraph, SplitsWhatAFaultSplits) {
  Cluster cluster = cluster_of(256);
  cluster.faults = {{.gpu = 17, .nic = 0.5}};
  const GroupMovement all_to_all = moved(Algorithm::kDirect, Collective::kAllToAll, 256);
  const MovementGraph graph = lowered(cluster, all_to_all, Folding::kFolded);
  ASSERT_EQ(graph.graph.ranks.size(), 3U);
  std::vector<std::int64_t> members;
  for (const SimulatedRank& rank : graph.graph.ranks) {
    members.push_back(rank.members);
  }
  std::ranges::sort(members);
  EXPECT_EQ(members, (std::vector<std::int64_t>{1, 7, 2040}));
}

// Everybody of an exchange sends to everybody, and what is written down stays linear in members.
TEST(MovementGraph, IsMadeOfRelationsLinearInMembers) {
  const auto written = [](int nodes) {
    Cluster cluster = cluster_of(nodes);
    cluster.fabric = FabricSpec{.kind = FabricKind::kFatTree,
                                .radix = 64,
                                .oversubscription = {2.0},
                                .routing = RoutingRule::kAdaptive};
    FabricWires fabric(cluster);
    const GroupMovement group = moved(Algorithm::kDirect, Collective::kAllToAll, nodes);
    MovementJob job(cluster, &fabric, {&group, 1});
    const RankRelations relations = movement_relations(job).relations;
    return relations.memberships.size() + relations.sendings.size() + relations.crossings.size();
  };
  const std::size_t of_1024 = written(128);
  const std::size_t of_2048 = written(256);
  EXPECT_LT(of_1024, 12U * 1024U);
  EXPECT_LT(of_2048, 12U * 2048U);  // ways from leaf switch to leaf switch are few beside members
}

// All flows of a class together put on a wire what its real ones put on it.
TEST(MovementGraph, LoadsAWireAsOftenAsItsRealFlowsDo) {
  Cluster cluster = cluster_of(8);
  cluster.fabric = FabricSpec{.kind = FabricKind::kFatTree,
                              .tiers = 3,
                              .radix = 8,
                              .oversubscription = {3.0},
                              .routing = RoutingRule::kAdaptive};
  const GroupMovement group = moved(Algorithm::kDirect, Collective::kAllToAll, 8);
  const auto on_fabric = [](const MovementGraph& graph) {
    double sum = 0.0;
    for (const Flow& flow : graph.graph.traffics.front().flows) {
      for (const Hop& hop : flow.hops) {
        const Wire& wire = graph.graph.wires[static_cast<std::size_t>(hop.wire)];
        sum +=
            wire.name == "leaf up" ? hop.times * static_cast<double>(wire.members) / wire.parts : 0;
      }
    }
    return sum;
  };
  const double folded = on_fabric(lowered(cluster, group, Folding::kFolded));
  EXPECT_GT(folded, 0.0);
  EXPECT_NEAR(folded, on_fabric(lowered(cluster, group, Folding::kUnfolded)), 1e-6 * folded);
}

TEST(MovementGraph, RefusesMorePairsThanItCanFollow) {
  Cluster cluster = cluster_of(256);
  cluster.fabric =
      FabricSpec{.kind = FabricKind::kFatTree, .radix = 64, .routing = RoutingRule::kEcmp};
  const GroupMovement group = moved(Algorithm::kDirect, Collective::kAllToAll, 256);
  EXPECT_THROW(lowered(cluster, group, Folding::kFolded), InputError);
  EXPECT_THROW(lowered(cluster, group, Folding::kUnfolded), InputError);
}

// Eight trees of 256 cards each, and still one rank and a flow for each medium.
TEST(MovementGraph, OfSwitchesThatAddIsOneRank) {
  Cluster cluster = cluster_of(256);
  cluster.fabric = FabricSpec{.kind = FabricKind::kFatTree, .radix = 64, .oversubscription = {3.0}};
  const MovementGraph graph =
      lowered(cluster, moved(Algorithm::kInNetwork, Collective::kAllReduce, 256), Folding::kFolded);
  EXPECT_EQ(graph.ranks, 2048);
  EXPECT_EQ(graph.graph.ranks.size(), 1U);
  EXPECT_EQ(graph.graph.traffics.front().flows.size(), 2U);
}

}  // namespace
}  // namespace towtank
