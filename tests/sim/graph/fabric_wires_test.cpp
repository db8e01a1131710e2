// The wires that ranks share, against the links of the router's own routes.
#include "sim/graph/fabric_wires.hpp"

#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/cluster/fabric_maker.hpp"

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

/// The port of every GPU of a cluster on this fabric.
Bandwidth network_port(const FabricSpec& spec, int gpu = 0) {
  const Cluster cluster = cluster_on(spec, 4);
  return FabricWires(cluster).port(gpu, Medium::kNic);
}

TEST(Cards, GetNoMoreThanPcieLetsThrough) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.node = NodeKind::kHgx;
  EXPECT_EQ(network_port(spec).si(), 50e9);
  spec.gpu_pcie.bandwidth = 32 * GB / second;
  EXPECT_EQ(network_port(spec).si(), 32e9);
}

TEST(Cards, OfOneGpuWorkTogetherAsFarAsItsPcieLinkGoes) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.nics_per_gpu = 2;
  EXPECT_EQ(network_port(spec).si(), 100e9) << "each at the GPU";
  spec.node = NodeKind::kHgx;
  EXPECT_EQ(network_port(spec).si(), 64e9) << "behind one PCIe 5.0 x16";
  spec.nic_pcie.bandwidth = 20 * GB / second;
  EXPECT_EQ(network_port(spec).si(), 40e9) << "each card's own PCIe link";
}

TEST(Cards, SharedByGpusAreWiresOfBoth) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.gpus_per_nic = 2;
  spec.routing = RoutingRule::kDModK;
  const Cluster cluster = cluster_on(spec, 4);
  FabricWires wires(cluster);
  EXPECT_EQ(wires.port(0, Medium::kNic).si(), 50e9) << "one GPU alone may fill the card";
  const auto cards = [&](int from, int to) {
    std::vector<int> result;
    for (const WireShare& share : wires.between(from, to).shares) {
      const FabricWire& wire = wires.wires()[static_cast<std::size_t>(share.wire)];
      if (wire.name == "card out" || wire.name == "card in") {
        EXPECT_EQ(wire.capacity.si(), 50e9);
        EXPECT_EQ(share.units, wires.units());
        result.push_back(share.wire);
      }
    }
    return result;
  };
  EXPECT_EQ(cards(0, 8).size(), 2U);
  EXPECT_EQ(cards(0, 8), cards(1, 9)) << "GPUs 0 and 1, and 8 and 9, have one each";
  EXPECT_NE(cards(0, 8), cards(2, 10));
}

TEST(Cards, FaultsSlowOnlyTheirGpu) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.node = NodeKind::kHgx;
  spec.faults = {{.devices = {"node0.nic2"}, .factor = 0.5}};
  EXPECT_EQ(network_port(spec, 2).si(), 25e9);
  EXPECT_EQ(network_port(spec, 3).si(), 50e9);
  spec.faults = {{.devices = {"node0.gpu2", "node0.pcie1"}, .factor = 0.25}};
  EXPECT_EQ(network_port(spec, 2).si(), 16e9);
  spec.faults = {{.devices = {"node0.nvswitch1"}, .factor = 0.0}};
  const Cluster cluster = cluster_on(spec, 4);
  EXPECT_EQ(FabricWires(cluster).port(3, Medium::kNvlink).si(), 150e9) << "3 of 4 switches";
  EXPECT_EQ(FabricWires(cluster).port(11, Medium::kNvlink).si(), 200e9);
}

// Traffic is spread evenly over the switches that are left.
TEST(FailedNvlink, LeavesItsGpuTheOthers) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.node = NodeKind::kHgx;
  spec.faults = {{.devices = {"node1.gpu3", "node1.nvswitch2"}, .factor = 0.0}};
  const Cluster cluster = cluster_on(spec, 4);
  const FabricWires wires(cluster);
  EXPECT_EQ(wires.port(11, Medium::kNvlink).si(), 150e9);
  EXPECT_EQ(wires.port(10, Medium::kNvlink).si(), 200e9);
  EXPECT_EQ(wires.port(3, Medium::kNvlink).si(), 200e9);
}

TEST(FailedNvlink, IsAnErrorWhereTwoGpusReachNoSwitchInCommon) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.node = NodeKind::kHgx;
  for (const std::string nvswitch : {"0", "1"}) {
    spec.faults.push_back({.devices = {"node1.gpu3", "node1.nvswitch" + nvswitch}, .factor = 0.0});
  }
  EXPECT_NO_THROW(FabricWires{cluster_on(spec, 4)});
  for (const std::string nvswitch : {"2", "3"}) {
    spec.faults.push_back({.devices = {"node1.gpu5", "node1.nvswitch" + nvswitch}, .factor = 0.0});
  }
  EXPECT_THROW(FabricWires{cluster_on(spec, 4)}, InputError);
}

/// "out of 0 by nvlink" and so on, with how much of the flow goes there.
std::map<std::string, double> ports_between(const Cluster& cluster, int from, int to) {
  FabricWires wires(cluster);
  std::map<std::string, double> result;
  for (const PortShare& share : wires.between(from, to).ports) {
    const std::string key = std::string(share.side == PortSide::kOut ? "out of " : "into ") +
                            std::to_string(share.gpu) + " by " + std::string(name(share.medium));
    EXPECT_TRUE(result.try_emplace(key, double{1} * share.units / wires.units()).second) << key;
  }
  return result;
}

using Ports = std::map<std::string, double>;

TEST(Rails, AreChangedOverNvlinkAsTheFabricSays) {
  for (const FabricKind kind : {FabricKind::kRailOptimised, FabricKind::kMultiPlane}) {
    FabricSpec spec;
    spec.kind = kind;
    spec.planes = kind == FabricKind::kMultiPlane ? 8 : 1;
    EXPECT_EQ(ports_between(cluster_on(spec, 4), 1, 17), Ports()) << "one rail";
    EXPECT_EQ(ports_between(cluster_on(spec, 4), 1, 18),
              (Ports{{"out of 1 by nic", 1.0},
                     {"into 17 by nic", 1.0},
                     {"out of 17 by nvlink", 1.0},
                     {"into 18 by nvlink", 1.0}}));
    spec.cross_rail = CrossRail::kNvlinkFirst;
    EXPECT_EQ(ports_between(cluster_on(spec, 4), 1, 18),
              (Ports{{"out of 1 by nvlink", 1.0},
                     {"into 2 by nvlink", 1.0},
                     {"out of 2 by nic", 1.0},
                     {"into 18 by nic", 1.0}}));
  }
}

TEST(Rails, AreChangedInTheSpineWithoutNvlink) {
  FabricSpec spec;
  spec.kind = FabricKind::kRailOptimised;
  spec.radix = 8;
  spec.tiers = 3;
  spec.cross_rail = CrossRail::kSpine;
  EXPECT_EQ(ports_between(cluster_on(spec, 4), 1, 18), Ports());
}

TEST(FailedCard, SendsByTheOtherCardsOfItsNode) {
  FabricSpec spec;
  spec.kind = FabricKind::kRailOptimised;
  spec.faults = {{.devices = {"node0.nic1"}, .factor = 0.0}};
  const Ports out = ports_between(cluster_on(spec, 4), 1, 17);
  EXPECT_NEAR(out.at("out of 1 by nvlink"), 1.0, 1e-12);
  EXPECT_FALSE(out.contains("out of 1 by nic"));
  EXPECT_FALSE(out.contains("into 17 by nic")) << "no other rail leads there";
  EXPECT_NEAR(out.at("into 17 by nvlink"), 1.0, 1e-12);
  for (const int gpu : {0, 2, 3, 4, 5, 6, 7}) {
    const std::string here = std::to_string(gpu);
    const std::string there = std::to_string(gpu + 16);
    EXPECT_NEAR(out.at("into " + here + " by nvlink"), 1.0 / 7.0, 1e-12);
    EXPECT_NEAR(out.at("out of " + here + " by nic"), 1.0 / 7.0, 1e-12);
    EXPECT_NEAR(out.at("into " + there + " by nic"), 1.0 / 7.0, 1e-12);
    EXPECT_NEAR(out.at("out of " + there + " by nvlink"), 1.0 / 7.0, 1e-12);
  }
  EXPECT_EQ(ports_between(cluster_on(spec, 4), 9, 17), Ports()) << "others do not feel it";
}

TEST(FailedCard, ReceivesByTheOtherCardsOfItsNode) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.faults = {{.devices = {"node2.nic1"}, .factor = 0.0}};
  const Ports in = ports_between(cluster_on(spec, 4), 1, 17);
  EXPECT_NEAR(in.at("out of 1 by nic"), 1.0, 1e-12);
  EXPECT_FALSE(in.contains("out of 1 by nvlink"));
  EXPECT_NEAR(in.at("into 18 by nic"), 1.0 / 7.0, 1e-12);
  EXPECT_NEAR(in.at("into 17 by nvlink"), 1.0, 1e-12);
}

TEST(FailedCard, LeavesTheGpusOthers) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.nics_per_gpu = 2;
  spec.faults = {{.devices = {"node0.nic2"}, .factor = 0.0}};
  EXPECT_EQ(ports_between(cluster_on(spec, 4), 1, 17), Ports());
  EXPECT_EQ(network_port(spec, 1).si(), 50e9);
  EXPECT_EQ(network_port(spec, 0).si(), 100e9);
}

TEST(Units, GetAsFineAsTheTrafficDivides) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.radix = 32;
  spec.faults = {{.devices = {"leaf0", "spine0"}, .factor = 0.0}};
  const Cluster cluster = cluster_on(spec, 64);
  FabricWires wires(cluster);
  wires.let_units_grow();
  EXPECT_EQ(wires.units(), 1);
  wires.between(0, 56);
  EXPECT_EQ(wires.units(), 15) << "spines are left";
  wires.between(16, 56);
  EXPECT_EQ(wires.units(), 240) << "and 16 for others";
  int units = 0;
  for (const WireShare& share : wires.between(0, 56).shares) {
    EXPECT_EQ(share.units, 16);
    units += share.units;
  }
  EXPECT_EQ(units, 2 * wires.units()) << "up and down";
}

TEST(FailedCard, WithoutAnotherIsAnError) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  for (int card = 0; card < 8; ++card) {
    spec.faults.push_back({.devices = {"node0.nic" + std::to_string(card)}, .factor = 0.0});
  }
  const Cluster cluster = cluster_on(spec, 4);
  FabricWires wires(cluster);
  EXPECT_NO_THROW(wires.between(9, 17));
  EXPECT_THROW(wires.between(1, 17), InputError);
}

/// What a route puts on NVLink out of and into GPUs, and on the cables of cards.
struct RouteLoad {
  std::map<std::pair<int, PortSide>, double> nvlink;
  double cards = 0.0;  // of all cards together, out
};

RouteLoad load_of_route(const Fabric& fabric, int from, int to) {
  std::vector<Crossing> route;
  Router(fabric).route(from, to, Medium::kNic, route);
  RouteLoad load;
  for (const Crossing& crossing : route) {
    const DeviceId tail = fabric.tail(crossing.link);
    const DeviceId head = fabric.head(crossing.link);
    if (fabric.kind(head) == DeviceKind::kNvSwitch) {
      load.nvlink[{static_cast<int>(tail), PortSide::kOut}] += crossing.share;
    } else if (fabric.kind(tail) == DeviceKind::kNvSwitch) {
      load.nvlink[{static_cast<int>(head), PortSide::kIn}] += crossing.share;
    } else if (fabric.kind(tail) == DeviceKind::kNic && fabric.kind(head) >= DeviceKind::kLeaf) {
      load.cards += crossing.share;
    }
  }
  return load;
}

// The router knows links and no ports: what a way takes of ports is what its route puts there.
TEST(Ways, TakeOfPortsWhatTheirRoutesPutThere) {
  std::mt19937_64 random(17);
  int passed_on = 0;
  for (int i = 0; i < 300; ++i) {
    RandomFabric made = random_fabric(random);
    made.size.nodes = std::max(made.size.nodes, 2);
    made.spec.routing = RoutingRule::kEcmp;
    made.spec.faults = {{.devices = {"node0.nic0"}, .factor = i % 2 == 0 ? 0.0 : 0.5}};
    Cluster cluster = cluster_on(made.spec, made.size.nodes);
    cluster.gpus_per_node = made.size.gpus_per_node;
    std::uniform_int_distribution<int> any(0, cluster.gpus() - 1);
    try {
      FabricWires wires(cluster);
      const Fabric fabric = make_fabric(made.spec, size_of(cluster));
      for (int pair = 0; pair < 20; ++pair) {
        const int from = pair < 5 ? pair % cluster.gpus_per_node : any(random);
        const int to = any(random);
        if (from / cluster.gpus_per_node == to / cluster.gpus_per_node) {
          continue;
        }
        SCOPED_TRACE(describe(made) + ", " + std::to_string(from) + " to " + std::to_string(to));
        const RouteLoad load = load_of_route(fabric, from, to);
        RouteLoad taken;
        const FabricPath& path = wires.between(from, to);
        for (const PortShare& share : path.ports) {
          const double part = static_cast<double>(share.units) / wires.units();
          if (share.medium == Medium::kNvlink) {
            taken.nvlink[{share.gpu, share.side}] += part;
          } else if (share.side == PortSide::kOut) {
            taken.cards += part;
          }
        }
        taken.cards = path.ports.empty() ? 1.0 : taken.cards;
        passed_on += path.ports.empty() ? 0 : 1;
        EXPECT_NEAR(taken.cards, load.cards, 1e-9);
        ASSERT_EQ(taken.nvlink.size(), load.nvlink.size());
        for (const auto& [port, part] : load.nvlink) {
          EXPECT_NEAR(taken.nvlink.at(port), part, 1e-9);
        }
      }
    } catch (const InputError&) {
      continue;  // more endpoints than the shape has, or no way left
    }
  }
  EXPECT_GT(passed_on, 500);
}

TEST(SlowCable, BoundsTheEvenSpreadThroughItsSwitch) {
  FabricSpec spec;
  spec.kind = FabricKind::kFatTree;
  spec.radix = 8;
  spec.tiers = 3;
  spec.faults = {{.devices = {"leaf0", "spine1"}, .factor = 0.25},
                 {.devices = {"spine0", "core1"}, .factor = 0.5}};
  const Cluster cluster = cluster_on(spec, 8);
  FabricWires wires(cluster);
  for (const int to : {8, 16, 56}) {
    const std::vector<WireShare> shares = wires.between(0, to).shares;
    const std::map<std::string, double> expected = most_through_tiers(cluster, 0, to);
    for (const WireShare& share : shares) {
      const FabricWire& wire = wires.wires()[static_cast<std::size_t>(share.wire)];
      EXPECT_NEAR(wire.capacity.si(), expected.at(wire.name), 1.0) << wire.name;
    }
  }
}

}  // namespace
}  // namespace towtank
