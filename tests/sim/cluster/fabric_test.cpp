// The graph: counts, ports, names, and what cannot be built.
#include "sim/cluster/fabric.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/cluster/topology_summary.hpp"
#include "tests/sim/cluster/fabric_maker.hpp"

namespace towtank {
namespace {

std::int64_t count(const Fabric& fabric, DeviceKind kind) {
  std::int64_t devices = 0;
  for (const DeviceBlock& block : fabric.blocks) {
    devices += block.kind == kind ? block.count : 0;
  }
  return devices;
}

TEST(Fabric, HasTheCountsOfThePublishedNetworks) {
  for (const PublishedNetwork& network : published_networks()) {
    const TopologySummary summary =
        summarise(make_fabric(network.spec, cluster_size(network.nodes, 8)));
    EXPECT_EQ(summary.endpoints, network.endpoints) << network.name;
    EXPECT_EQ(summary.switches, network.switches) << network.name;
    EXPECT_EQ(summary.inter_switch_links, network.links) << network.name;
  }
}

TEST(Fabric, EveryLinkHasItsReverseOfTheSameType) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 60; ++i) {
    const RandomFabric made = random_fabric(random);
    const Fabric fabric = make_fabric(made.spec, made.size);
    std::map<std::tuple<DeviceId, DeviceId, int>, int> links;
    for (LinkId link = 0; link < fabric.links(); ++link) {
      const DeviceId tail = fabric.tail(link);
      EXPECT_GE(link, fabric.first_link(tail));
      EXPECT_LT(link, fabric.first_link(tail) + fabric.ports(tail));
      ++links[{
          tail,
          fabric.head(link),
          fabric.wires[*(out_edges(tail, fabric.wires).first + (link - fabric.first_link(tail)))]
              .type}];
    }
    for (const auto& [link, number] : links) {
      const auto& [tail, head, type] = link;
      EXPECT_EQ((links[{head, tail, type}]), number) << describe(made);
      EXPECT_NE(tail, head);
    }
  }
}

TEST(Fabric, OfHgxNodesHasFourNvlinkSwitchesAndFourPcieSwitches) {
  const Fabric fabric = make_fabric({.node = NodeKind::kHgx}, cluster_size(3, 8));
  EXPECT_EQ(count(fabric, DeviceKind::kNvSwitch), 12);
  EXPECT_EQ(count(fabric, DeviceKind::kPcieSwitch), 12);
  EXPECT_EQ(count(fabric, DeviceKind::kNic), 24);
  // A GPU's bandwidth over its four switches is that of its port.
  Bandwidth out;
  for (int port = 0; port < 4; ++port) {
    EXPECT_EQ(fabric.kind(fabric.head(fabric.first_link(0) + port)), DeviceKind::kNvSwitch);
    out += fabric.link(fabric.first_link(0) + port).bandwidth;
  }
  EXPECT_DOUBLE_EQ(out.si(), 200e9);
}

TEST(Fabric, OfNvl72RacksHasEighteenNvlinksAGpu) {
  const Fabric fabric = make_fabric({.node = NodeKind::kNvl72}, cluster_size(2, 72));
  EXPECT_EQ(count(fabric, DeviceKind::kNvSwitch), 18);
  EXPECT_EQ(count(fabric, DeviceKind::kPcieSwitch), 72);
  int nvlinks = 0;
  for (int port = 0; port < 9; ++port) {
    nvlinks += fabric.link(fabric.first_link(0) + port).cables;
  }
  EXPECT_EQ(nvlinks, 18);
}

TEST(Fabric, RailsMeetOnTheirOwnLeaves) {
  const Fabric fabric = make_fabric({.kind = FabricKind::kRailOptimised, .node = NodeKind::kHgx},
                                    cluster_size(64, 8));
  for (int node = 0; node < 64; ++node) {
    std::set<DeviceId> leaves;
    for (int nic = 0; nic < 8; ++nic) {
      const DeviceId card = fabric.node.first_nic + static_cast<DeviceId>(node * 8 + nic);
      const DeviceId leaf = fabric.head(fabric.first_link(card) + fabric.ports(card) - 1);
      EXPECT_EQ(device_name(fabric, leaf), "leaf" + std::to_string(node / 32 * 8 + nic));
      leaves.insert(leaf);
    }
    EXPECT_EQ(leaves.size(), 8U);
  }
}

TEST(Fabric, TiersThatAreNotNeededAreLeftOut) {
  const FabricSpec spec{.kind = FabricKind::kFatTree, .tiers = 3};
  EXPECT_EQ(count(make_fabric(spec, cluster_size(4, 8)), DeviceKind::kSpine), 0);
  const Fabric two = make_fabric(spec, cluster_size(16, 8));
  EXPECT_GT(count(two, DeviceKind::kSpine), 0);
  EXPECT_EQ(count(two, DeviceKind::kCore), 0);
}

TEST(Fabric, SwitchesNeverUseMorePortsThanTheRadixInFatTrees) {
  std::mt19937_64 random(2);
  int trees = 0;
  while (trees < 150) {
    const RandomFabric made = random_fabric(random);
    if (made.spec.kind != FabricKind::kFatTree && made.spec.kind != FabricKind::kRailOptimised &&
        made.spec.kind != FabricKind::kMultiPlane) {
      continue;
    }
    ++trees;
    const TopologySummary summary = summarise(make_fabric(made.spec, made.size));
    for (const DeviceCount& devices : summary.devices) {
      if (is_network_switch(devices.kind)) {
        EXPECT_LE(devices.most_ports, made.spec.radix) << describe(made);
      }
    }
    for (const Oversubscription& tier : summary.oversubscription) {
      EXPECT_LE(tier.worst, *tier.stated * (1.0 + 1e-9)) << describe(made);
    }
  }
}

TEST(Fabric, NamesFindTheirDevices) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 40; ++i) {
    const RandomFabric made = random_fabric(random);
    const Fabric fabric = make_fabric(made.spec, made.size);
    for (DeviceId device = 0; device < fabric.devices(); ++device) {
      const std::string name = device_name(fabric, device);
      ASSERT_EQ(find_device(fabric, name, {}), device) << name << " of " << describe(made);
    }
  }
}

TEST(Fabric, UnknownNamesAreMistakesThatListTheDevices) {
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kFatTree, .node = NodeKind::kHgx}, cluster_size(16, 8));
  for (const char* name : {"",
                           "leaf",
                           "leaf4",
                           "spine-1",
                           "node16.gpu0",
                           "node0.gpu8",
                           "node0",
                           "plane0.leaf0",
                           "node0.leaf0",
                           "gpu0",
                           "leaf00000000000000",
                           "leaf1x",
                           ".leaf0"}) {
    try {
      find_device(fabric, name, {.file = "a.toml", .line = 3});
      FAIL() << name;
    } catch (const InputError& error) {
      EXPECT_EQ(error.diagnostics()[0].place.line, 3);
      EXPECT_THAT(error.diagnostics()[0].hint, testing::HasSubstr("leaf0 to leaf3"));
    }
  }
}

void expect_refused(const FabricSpec& spec, const FabricSize& size, const std::string& why) {
  FabricSpec placed = spec;
  placed.place = {.file = "a.toml", .line = 7};
  try {
    make_fabric(placed, size);
    FAIL() << "expected: " << why;
  } catch (const InputError& error) {
    EXPECT_THAT(error.diagnostics()[0].message, testing::HasSubstr(why));
    EXPECT_EQ(error.diagnostics()[0].place.line, 7);
  }
}

TEST(Fabric, ThatDoesNotFitSaysWhatDoes) {
  expect_refused({.kind = FabricKind::kFatTree}, cluster_size(257, 8), "room for 2,048");
  expect_refused(
      {.kind = FabricKind::kFatTree, .tiers = 3}, cluster_size(8193, 8), "room for 65,536");
  expect_refused({.kind = FabricKind::kFatTree, .tiers = 1}, cluster_size(9, 8), "room for 64");
  expect_refused({.kind = FabricKind::kMultiPlane, .planes = 3},
                 cluster_size(4, 8),
                 "8 network cards of a node do not divide among 3 planes");
  expect_refused({.node = NodeKind::kHgx}, cluster_size(4, 4), "has 8 GPUs");
  expect_refused({.nics_per_gpu = 2, .gpus_per_nic = 2}, cluster_size(4, 4), "at once");
  expect_refused({.gpus_per_nic = 3}, cluster_size(4, 4), "cannot share");
  expect_refused({.kind = FabricKind::kSlimFly, .slim_fly = {.q = 6}},
                 cluster_size(1, 1),
                 "no slim fly of q = 6");
  expect_refused({.kind = FabricKind::kSlimFly, .slim_fly = {.q = 5, .endpoints = 1}},
                 cluster_size(51, 1),
                 "has 50 endpoints");
  expect_refused({.kind = FabricKind::kDragonfly,
                  .dragonfly = {.endpoints = 1, .switches = 2, .global = 1, .groups = 4}},
                 cluster_size(1, 1),
                 "4 groups");
  expect_refused({.kind = FabricKind::kTorus}, cluster_size(1, 1), "without sizes");
}

TEST(Fabric, Of131072GpusIsSmall) {
  const Fabric fabric = make_fabric(
      {.kind = FabricKind::kMultiPlane, .node = NodeKind::kHgx, .tiers = 3, .planes = 8},
      cluster_size(16384, 8));
  EXPECT_EQ(fabric.gpus(), 131072);
  // Bytes of the graph: a target and a type for each edge, an offset for each vertex.
  const double bytes = 6.0 * fabric.links() + 4.0 * fabric.devices();
  EXPECT_LT(bytes, 100e6);
}

}  // namespace
}  // namespace towtank
