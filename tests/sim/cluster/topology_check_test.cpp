// What the check of a network finds, and the loads it counts.
#include "sim/cluster/topology_check.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/cluster/hop_counts.hpp"
#include "sim/cluster/router.hpp"
#include "tests/sim/cluster/fabric_maker.hpp"

namespace towtank {
namespace {

const PatternLoad& load_of(const std::vector<PatternLoad>& loads,
                           std::string_view pattern,
                           RoutingRule rule) {
  return *std::ranges::find_if(loads, [pattern, rule](const PatternLoad& load) {
    return load.pattern == pattern && load.rule == rule;
  });
}

TEST(TopologyCheck, FullFatTreesCarryEverythingWithAdaptiveRouting) {
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kFatTree, .tiers = 3, .radix = 8}, cluster_size(128, 1));
  for (const PatternLoad& load : pattern_loads(fabric)) {
    ASSERT_TRUE(load.busiest) << load.remark;
    if (load.rule == RoutingRule::kAdaptive) {
      EXPECT_NEAR(*load.busiest, 1.0, 1e-9) << load.pattern;
    }
  }
}

TEST(TopologyCheck, DModKCarriesAllToAllAndShiftsEcmpCollides) {
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kFatTree, .radix = 16}, cluster_size(128, 1));
  const std::vector<PatternLoad> loads = pattern_loads(fabric);
  const char* const far = "each node to the one half the cluster away";
  EXPECT_NEAR(*load_of(loads, "all to all", RoutingRule::kDModK).busiest, 1.0, 1e-9);
  EXPECT_NEAR(*load_of(loads, far, RoutingRule::kDModK).busiest, 1.0, 1e-9);
  EXPECT_GE(*load_of(loads, far, RoutingRule::kEcmp).busiest, 2.0);
  EXPECT_NEAR(*load_of(loads, far, RoutingRule::kShortest).busiest, 8.0, 1e-9);
}

TEST(TopologyCheck, OversubscriptionShowsInTheLoad) {
  // 16 ports, 3 down for each up: 12 cards and 4 uplinks a leaf; everything leaves its leaf.
  const Fabric fabric = make_fabric(
      {.kind = FabricKind::kFatTree, .radix = 16, .oversubscription = {3.0}}, cluster_size(48, 1));
  const std::vector<PatternLoad> loads = pattern_loads(fabric);
  EXPECT_NEAR(
      *load_of(loads, "each node to the one half the cluster away", RoutingRule::kAdaptive).busiest,
      3.0,
      1e-9);
}

TEST(TopologyCheck, CountingBySubtreeAgreesWithRoutingEveryPair) {
  // A fault that changes nothing (all of the bandwidth is left) makes the check route pair by pair.
  std::mt19937_64 random(21);
  int compared = 0;
  while (compared < 30) {
    RandomFabric made = random_fabric(random);
    if (made.spec.kind > FabricKind::kMultiPlane || made.size.nodes < 2) {
      continue;
    }
    ++compared;
    const std::vector<PatternLoad> counted = pattern_loads(make_fabric(made.spec, made.size));
    made.spec.faults = {{.devices = {"node0.nic0"}, .factor = 1.0, .place = {}}};
    const std::vector<PatternLoad> routed = pattern_loads(make_fabric(made.spec, made.size));
    ASSERT_EQ(counted.size(), routed.size());
    for (std::size_t i = 0; i < counted.size(); ++i) {
      ASSERT_TRUE(counted[i].busiest && routed[i].busiest);
      EXPECT_NEAR(*counted[i].busiest, *routed[i].busiest, 1e-9)
          << describe(made) << ", " << counted[i].pattern << ", " << name(counted[i].rule);
    }
  }
}

TEST(TopologyCheck, NoRuleBeatsTheEvenSpreadInFatTrees) {
  std::mt19937_64 random(22);
  for (int i = 0; i < 60; ++i) {
    const RandomFabric made = random_fabric(random);
    const Fabric fabric = make_fabric(made.spec, made.size);
    if (!std::holds_alternative<TreeNetwork>(fabric.network)) {
      continue;
    }
    const std::vector<PatternLoad> loads = pattern_loads(fabric);
    for (const PatternLoad& load : loads) {
      EXPECT_GE(*load.busiest, *load_of(loads, load.pattern, RoutingRule::kAdaptive).busiest - 1e-9)
          << describe(made) << ", " << load.pattern << ", " << name(load.rule);
    }
  }
}

bool holds(const std::vector<TopologyClaim>& claims, const std::string& about) {
  const auto at = std::ranges::find_if(claims, [&about](const TopologyClaim& claim) {
    return claim.text.find(about) != std::string::npos;
  });
  EXPECT_NE(at, claims.end()) << about;
  return at != claims.end() && at->holds;
}

TEST(TopologyCheck, FindsSwitchesWithTooManyPorts) {
  const Fabric fabric = make_fabric(
      {.kind = FabricKind::kTorus, .radix = 5, .torus = {.sizes = {3, 3, 3}}}, cluster_size(27, 1));
  EXPECT_FALSE(holds(check_structure(fabric, summarise(fabric)), "uses 7 of 5 ports"));
}

TEST(TopologyCheck, FindsWhatCannotBeReached) {
  FabricSpec spec{.kind = FabricKind::kFatTree, .radix = 8};
  spec.faults = {{.devices = {"leaf2"}, .factor = 0.0, .place = {}}};
  const Fabric fabric = make_fabric(spec, cluster_size(32, 1));
  const TopologyCheck check = check_topology(fabric, summarise(fabric));
  EXPECT_FALSE(check.holds());
  EXPECT_FALSE(holds(check.claims, "no way through the network from node0.nic0 to node8.nic0"));
}

TEST(TopologyCheck, AFailedSpineOversubscribesTheLeavesBeyondWhatIsStated) {
  FabricSpec spec{.kind = FabricKind::kFatTree, .radix = 8};
  spec.faults = {{.devices = {"spine0"}, .factor = 0.0, .place = {}}};
  const Fabric fabric = make_fabric(spec, cluster_size(32, 1));
  EXPECT_FALSE(holds(check_structure(fabric, summarise(fabric)), "leaf switches: 1.33 down"));
  const std::vector<PatternLoad> loads = pattern_loads(fabric);
  EXPECT_NEAR(
      *load_of(loads, "each node to the one half the cluster away", RoutingRule::kAdaptive).busiest,
      4.0 / 3.0,
      1e-9);
}

/// Means over all pairs, by routing each.
TEST(HopCounts, AreThoseOfTheRoutes) {
  std::mt19937_64 random(23);
  for (int i = 0; i < 40; ++i) {
    const RandomFabric made = random_fabric(random);
    const Fabric fabric = make_fabric(made.spec, made.size);
    const Router router(fabric, RoutingRule::kShortest);
    const auto cards = static_cast<int>(fabric.endpoints.size());
    const int planes = fabric.spec.planes;
    double sum = 0.0;
    double pairs = 0.0;
    std::size_t most = 0;
    std::vector<Crossing> crossings;
    for (int from = 0; from < cards; ++from) {
      for (int to = from % planes; to < cards; to += planes) {
        if (from != to) {
          crossings.clear();
          router.cross_network(from, to, 1.0, crossings);
          sum += static_cast<double>(crossings.size());
          pairs += 1.0;
          most = std::max(most, crossings.size());
        }
      }
    }
    const HopCounts counts = count_hops(fabric);
    EXPECT_TRUE(counts.complete);
    EXPECT_EQ(counts.diameter, static_cast<int>(most)) << describe(made);
    EXPECT_NEAR(counts.mean, pairs > 0.0 ? sum / pairs : 0.0, 1e-9) << describe(made);
  }
}

}  // namespace
}  // namespace towtank
