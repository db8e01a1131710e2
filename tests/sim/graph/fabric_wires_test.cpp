// The wires that ranks share, against the links of the router's own routes.
#include "sim/graph/fabric_wires.hpp"

#include <limits>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

Cluster cluster_on(FabricSpec fabric, int nodes) {
  return {.name = "test",
          .gpu = "test",
          .nodes = nodes,
          .gpus_per_node = 8,
          .nvlink = {.bandwidth = 200 * GB / second, .latency = Seconds()},
          .nic = {.bandwidth = 50 * GB / second, .latency = Seconds()},
          .fabric = std::move(fabric)};
}

FabricSize size_of(const Cluster& cluster) {
  return {.nodes = cluster.nodes,
          .gpus_per_node = cluster.gpus_per_node,
          .nvlink = {.bandwidth = cluster.nvlink.bandwidth, .latency = cluster.nvlink.latency},
          .nic = {.bandwidth = cluster.nic.bandwidth, .latency = cluster.nic.latency}};
}

/// The most that adaptive routing gets through each tier from one card to another: of its cables
/// the one that fills first.
std::map<std::string, double> most_through_tiers(const Cluster& cluster, int from, int to) {
  const Fabric fabric = make_fabric(*cluster.fabric, size_of(cluster));
  const Router router(fabric);
  std::vector<Crossing> route;
  router.cross_network(from, to, 1.0, route);
  std::map<std::string, double> most;
  for (const Crossing& crossing : route) {
    const DeviceKind tail = fabric.kind(fabric.tail(crossing.link));
    const DeviceKind head = fabric.kind(fabric.head(crossing.link));
    if (tail == DeviceKind::kNic || head == DeviceKind::kNic) {
      continue;
    }
    const std::string tier =
        tail < head ? std::string(name(tail)) + " up" : std::string(name(head)) + " down";
    const double through = fabric.link(crossing.link).bandwidth.si() / crossing.share;
    const auto [entry, is_new] = most.try_emplace(tier, through);
    entry->second = std::min(entry->second, through);
  }
  return most;
}

TEST(AdaptiveTree, WiresOfATierCarryWhatItsCablesDoTogether) {
  for (const FabricKind kind : {FabricKind::kFatTree, FabricKind::kRailOptimised}) {
    for (const int tiers : {2, 3}) {
      for (const double oversubscription : {1.0, 2.0, 3.0}) {
        FabricSpec spec;
        spec.kind = kind;
        spec.tiers = tiers;
        spec.radix = tiers == 2 ? 32 : 8;
        spec.oversubscription = {oversubscription};
        const Cluster cluster = cluster_on(spec, 8);
        FabricWires wires(cluster);
        for (const int to : {8, 16, 56}) {
          const std::vector<WireShare> shares = wires.between(0, to).shares;
          const std::map<std::string, double> expected = most_through_tiers(cluster, 0, to);
          EXPECT_EQ(shares.size(), expected.size());
          for (const WireShare& share : shares) {
            const FabricWire& wire = wires.wires()[static_cast<std::size_t>(share.wire)];
            ASSERT_TRUE(expected.contains(wire.name)) << wire.name;
            EXPECT_NEAR(wire.capacity.si(), expected.at(wire.name), 1.0) << wire.name;
            EXPECT_EQ(share.units, wires.units());
          }
        }
      }
    }
  }
}

TEST(SinglePath, CrossesTheLinksOfTheRouteBetweenTheCards) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.radix = 8;
  spec.tiers = 3;
  spec.routing = RoutingRule::kDModK;
  const Cluster cluster = cluster_on(spec, 8);
  const Fabric fabric = make_fabric(spec, size_of(cluster));
  FabricWires wires(cluster);
  for (const int to : {1, 9, 63}) {
    std::vector<Crossing> route;
    Router(fabric).cross_network(0, to, 1.0, route);
    EXPECT_EQ(wires.between(0, to).shares.size(), route.size() - 2) << "but for the cards' own";
    EXPECT_EQ(wires.between(0, to).latency.si(), route_latency(fabric, route).si());
  }
}

TEST(SinglePath, TellsWiresOfDifferentLinksApart) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.radix = 8;
  spec.routing = RoutingRule::kDModK;
  const Cluster cluster = cluster_on(spec, 4);
  FabricWires wires(cluster);
  const std::vector<WireShare> first = wires.between(0, 9).shares;
  EXPECT_EQ(wires.between(0, 9).shares, first);
  EXPECT_NE(wires.between(0, 10).shares, first);
}

TEST(Cards, GetNoMoreThanPcieLetsThrough) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.node = NodeKind::kHgx;
  EXPECT_EQ(FabricWires(cluster_on(spec, 4)).card_limit().si(), 50e9);
  spec.gpu_pcie.bandwidth = 32 * GB / second;
  EXPECT_EQ(FabricWires(cluster_on(spec, 4)).card_limit().si(), 32e9);
}

TEST(Faults, ThatReachCardsAreRefused) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.radix = 8;
  spec.faults = {{.devices = {"leaf0", "spine0"}, .factor = 0.5}};
  EXPECT_NO_THROW(FabricWires{cluster_on(spec, 4)});
  for (const std::string device : {"leaf0", "node1.nic2", "node1.gpu0"}) {
    spec.faults = {{.devices = {device}, .factor = 0.5}};
    EXPECT_THROW(FabricWires{cluster_on(spec, 4)}, InputError) << device;
  }
}

TEST(Planes, AreNotJoined) {
  FabricSpec spec;
  spec.kind = FabricKind::kMultiPlane;
  spec.planes = 8;
  const Cluster cluster = cluster_on(spec, 64);
  FabricWires wires(cluster);
  EXPECT_NO_THROW(wires.between(0, 8 * 63));
  EXPECT_THROW(wires.between(0, 8 * 63 + 1), InputError);
}

}  // namespace
}  // namespace towtank
