// Routes: connected, loop free, minimal, on links that exist and work, with shares that add up.
#include "sim/cluster/router.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/cluster/fabric_maker.hpp"

namespace towtank {
namespace {

std::vector<Crossing> route(
    const Fabric& fabric, RoutingRule rule, int from, int to, Medium medium = Medium::kNic) {
  std::vector<Crossing> crossings;
  Router(fabric, rule).route(from, to, medium, crossings);
  return crossings;
}

/// Links between two devices over those the filter lets through, by search; -1 without a way.
template <typename Passes>
int distance(const Fabric& fabric, DeviceId from, DeviceId to, Passes passes) {
  std::vector<int> distances(fabric.devices(), -1);
  std::vector<DeviceId> queue = {from};
  distances[from] = 0;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const LinkId first = fabric.first_link(queue[i]);
    for (LinkId link = first; link < first + fabric.ports(queue[i]); ++link) {
      const DeviceId next = fabric.head(link);
      if (distances[next] < 0 && passes(next) && fabric.link(link).bandwidth > Bandwidth()) {
        distances[next] = distances[queue[i]] + 1;
        queue.push_back(next);
      }
    }
  }
  return distances[to];
}

/// Traffic is conserved: 1 leaves the sender, 1 enters the receiver, elsewhere as much leaves as
/// enters. With links that are never crossed twice this says that the route connects its ends.
void expect_conserved(const Fabric& fabric,
                      const std::vector<Crossing>& crossings,
                      DeviceId from,
                      DeviceId to,
                      const std::string& what) {
  std::map<DeviceId, double> surplus;
  for (const Crossing& crossing : crossings) {
    ASSERT_GE(crossing.link, 0) << what;
    ASSERT_LT(crossing.link, fabric.links()) << what;
    ASSERT_GT(crossing.share, 0.0) << what;
    ASSERT_LE(crossing.share, 1.0 + 1e-12) << what;
    ASSERT_GT(fabric.link(crossing.link).bandwidth, Bandwidth()) << what;
    surplus[fabric.tail(crossing.link)] -= crossing.share;
    surplus[fabric.head(crossing.link)] += crossing.share;
  }
  for (const auto& [device, sum] : surplus) {
    const double expected = device == from ? -1.0 : device == to ? 1.0 : 0.0;
    EXPECT_NEAR(sum, expected, 1e-9) << what << " at " << device_name(fabric, device);
  }
}

/// No device is entered with more than all of the traffic, so that no part of it goes in circles.
/// Only a PCIe switch that two GPUs share is passed twice, on the way out to a card and back.
void expect_loop_free(const Fabric& fabric,
                      const std::vector<Crossing>& crossings,
                      DeviceId from,
                      const std::string& what) {
  std::map<DeviceId, double> entered;
  for (const Crossing& crossing : crossings) {
    entered[fabric.head(crossing.link)] += crossing.share;
  }
  EXPECT_EQ(entered.count(from), 0U) << what;
  for (const auto& [device, sum] : entered) {
    const bool twice = fabric.kind(device) == DeviceKind::kPcieSwitch;
    EXPECT_LE(sum, (twice ? 2.0 : 1.0) + 1e-9) << what << " at " << device_name(fabric, device);
  }
}

constexpr std::array kRules = {
    RoutingRule::kShortest, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kAdaptive};

TEST(Router, JoinsAnyTwoGpusOfRandomFabricsWithoutLoops) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 200; ++i) {
    const RandomFabric made = random_fabric(random);
    const Fabric fabric = make_fabric(made.spec, made.size);
    std::uniform_int_distribution<int> any(0, fabric.gpus() - 1);
    for (const RoutingRule rule : kRules) {
      for (int pair = 0; pair < 12; ++pair) {
        const int from = any(random);
        const int to = any(random);
        const std::string what = describe(made) + ", " + std::string(name(rule)) + ", GPU " +
                                 std::to_string(from) + " to " + std::to_string(to);
        const std::vector<Crossing> crossings = route(fabric, rule, from, to);
        if (from == to) {
          EXPECT_TRUE(crossings.empty());
          continue;
        }
        expect_conserved(
            fabric, crossings, static_cast<DeviceId>(from), static_cast<DeviceId>(to), what);
        expect_loop_free(fabric, crossings, static_cast<DeviceId>(from), what);
      }
    }
  }
}

TEST(Router, SplitsTrafficOnlyWhereTheRuleOrSeveralCardsDo) {
  std::mt19937_64 random(12);
  for (int i = 0; i < 100; ++i) {
    RandomFabric made = random_fabric(random);
    if (made.spec.kind == FabricKind::kSlimFly) {
      continue;  // its size follows from the number of cards
    }
    const Fabric fabric = make_fabric(made.spec, made.size);
    std::vector<Crossing> crossings;
    const Router router(fabric, RoutingRule::kEcmp);
    const int cards = static_cast<int>(fabric.endpoints.size());
    for (int card = 1; card < cards; card += std::max(1, fabric.spec.planes)) {
      const int to = card / fabric.spec.planes * fabric.spec.planes;  // of card 0's plane
      crossings.clear();
      if (to > 0) {
        router.cross_network(0, to, 1.0, crossings);
      }
      for (const Crossing& crossing : crossings) {
        EXPECT_EQ(crossing.share, 1.0);
      }
    }
  }
}

TEST(Router, CrossesTheNetworkInTheFewestLinks) {
  std::mt19937_64 random(13);
  for (int i = 0; i < 80; ++i) {
    const RandomFabric made = random_fabric(random);
    const Fabric fabric = make_fabric(made.spec, made.size);
    const auto cards = static_cast<int>(fabric.endpoints.size());
    const int planes = fabric.spec.planes;
    std::uniform_int_distribution<int> any(0, cards / planes - 1);
    const DeviceId first = fabric.node.first_nic;
    for (int pair = 0; pair < 10; ++pair) {
      const int plane = pair % planes;
      const int from = any(random) * planes + plane;
      const int to = any(random) * planes + plane;
      if (from == to) {
        continue;
      }
      const int fewest = distance(fabric,
                                  first + static_cast<DeviceId>(from),
                                  first + static_cast<DeviceId>(to),
                                  [first](DeviceId next) { return next >= first; });
      for (const RoutingRule rule : kRules) {
        std::vector<Crossing> crossings;
        Router(fabric, rule).cross_network(from, to, 1.0, crossings);
        double links = 0.0;
        for (const Crossing& crossing : crossings) {
          links += crossing.share;
        }
        EXPECT_NEAR(links, fewest, 1e-9) << describe(made) << ", " << name(rule);
      }
    }
  }
}

TEST(Router, StaysOnNvlinkInsideANode) {
  const Fabric fabric = make_fabric({.node = NodeKind::kHgx}, cluster_size(2, 8));
  const std::vector<Crossing> crossings =
      route(fabric, RoutingRule::kDModK, 8, 13, Medium::kNvlink);
  EXPECT_EQ(crossings.size(), 8U);  // up to and down from each of four switches
  for (const Crossing& crossing : crossings) {
    EXPECT_DOUBLE_EQ(crossing.share, 0.25);
  }
  expect_conserved(fabric, crossings, 8, 13, "NVLink");
}

std::vector<std::string> names_on(const Fabric& fabric, const std::vector<Crossing>& crossings) {
  std::vector<std::string> names;
  names.reserve(crossings.size());
  for (const Crossing& crossing : crossings) {
    names.push_back(device_name(fabric, fabric.head(crossing.link)));
  }
  return names;
}

TEST(Router, GoesByPcieSwitchCardLeafAndBackDown) {
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kRailOptimised, .node = NodeKind::kHgx}, cluster_size(4, 8));
  EXPECT_THAT(names_on(fabric, route(fabric, RoutingRule::kDModK, 3, 2 * 8 + 3)),
              testing::ElementsAre(
                  "node0.pcie1", "node0.nic3", "leaf3", "node2.nic3", "node2.pcie1", "node2.gpu3"));
}

TEST(Router, ChangesRailsOverNvlinkWhereTheSpecSays) {
  FabricSpec spec{.kind = FabricKind::kMultiPlane, .planes = 8};
  const Fabric last = make_fabric(spec, cluster_size(4, 8));
  EXPECT_THAT(names_on(last, route(last, RoutingRule::kDModK, 1, 8 + 6)),
              testing::ElementsAre("node0.nic1",
                                   "plane1.leaf0",
                                   "node1.nic1",
                                   "node1.gpu1",
                                   "node1.nvswitch0",
                                   "node1.gpu6"));
  spec.cross_rail = CrossRail::kNvlinkFirst;
  const Fabric first = make_fabric(spec, cluster_size(4, 8));
  EXPECT_THAT(names_on(first, route(first, RoutingRule::kDModK, 1, 8 + 6)),
              testing::ElementsAre("node0.nvswitch0",
                                   "node0.gpu6",
                                   "node0.nic6",
                                   "plane6.leaf0",
                                   "node1.nic6",
                                   "node1.gpu6"));
  const Fabric spine = make_fabric(
      {.kind = FabricKind::kRailOptimised, .cross_rail = CrossRail::kSpine}, cluster_size(4, 8));
  EXPECT_THAT(
      names_on(spine, route(spine, RoutingRule::kShortest, 1, 8 + 6)),
      testing::ElementsAre("node0.nic1", "leaf1", "spine0", "leaf6", "node1.nic6", "node1.gpu6"));
}

TEST(Router, SpreadsOverAllCardsOfAGpu) {
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kFatTree, .nics_per_gpu = 2}, cluster_size(4, 4));
  const std::vector<Crossing> crossings = route(fabric, RoutingRule::kEcmp, 0, 15);
  std::set<std::string> cards;
  for (const Crossing& crossing : crossings) {
    EXPECT_DOUBLE_EQ(crossing.share, 0.5);
    cards.insert(device_name(fabric, fabric.tail(crossing.link)));
  }
  EXPECT_TRUE(cards.contains("node0.nic0") && cards.contains("node0.nic1"));
}

TEST(Router, GpusThatShareACardMeetThere) {
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kFatTree, .gpus_per_nic = 4}, cluster_size(4, 8));
  EXPECT_THAT(names_on(fabric, route(fabric, RoutingRule::kEcmp, 1, 8 + 7)),
              testing::ElementsAre("node0.nic0", "leaf0", "node1.nic1", "node1.gpu7"));
  EXPECT_THAT(names_on(fabric, route(fabric, RoutingRule::kEcmp, 1, 2)),
              testing::ElementsAre("node0.nic0", "node0.gpu2"));
}

/// The destinations that share a link when all cards send to all.
TEST(Router, DModKSpreadsDestinationsEvenlyOverUplinks) {
  for (const int tiers : {2, 3}) {
    const FabricSpec spec{.kind = FabricKind::kFatTree, .tiers = tiers, .radix = 8};
    const int cards = tiers == 2 ? 32 : 128;
    const Fabric fabric = make_fabric(spec, cluster_size(cards, 1));
    const Router router(fabric, RoutingRule::kDModK);
    std::map<LinkId, std::set<int>> destinations;
    std::vector<Crossing> crossings;
    for (int from = 0; from < cards; ++from) {
      for (int to = 0; to < cards; ++to) {
        crossings.clear();
        if (from != to) {
          router.cross_network(from, to, 1.0, crossings);
        }
        for (const Crossing& crossing : crossings) {
          destinations[crossing.link].insert(to);
        }
      }
    }
    for (const auto& [link, reached] : destinations) {
      const DeviceKind tail = fabric.kind(fabric.tail(link));
      const DeviceKind head = fabric.kind(fabric.head(link));
      if (tail == DeviceKind::kLeaf && head == DeviceKind::kSpine) {
        // 4 uplinks share the cards that are not on this leaf.
        EXPECT_EQ(reached.size(), static_cast<std::size_t>((cards - 4) / 4));
      } else if (tail > head && head != DeviceKind::kNic) {
        // Each destination comes down to its leaf by one link only: no two meet from the top tier.
        EXPECT_EQ(reached.size(), 1U) << tiers;
      }
    }
  }
}

TEST(Router, DModKCarriesEveryShiftWithoutCollisions) {
  // Zahavi's theorem: in a full fat tree any shift permutation loads no link more than once.
  const FabricSpec spec{.kind = FabricKind::kFatTree, .tiers = 3, .radix = 8};
  const Fabric fabric = make_fabric(spec, cluster_size(128, 1));
  const Router router(fabric, RoutingRule::kDModK);
  std::vector<Crossing> crossings;
  for (int shift = 1; shift < 128; ++shift) {
    std::vector<int> load(static_cast<std::size_t>(fabric.links()), 0);
    for (int from = 0; from < 128; ++from) {
      crossings.clear();
      router.cross_network(from, (from + shift) % 128, 1.0, crossings);
      for (const Crossing& crossing : crossings) {
        EXPECT_LE(++load[static_cast<std::size_t>(crossing.link)], 1) << shift;
      }
    }
  }
}

TEST(Router, EcmpFollowsItsSeed) {
  FabricSpec spec{.kind = FabricKind::kFatTree, .radix = 16, .routing = RoutingRule::kEcmp};
  const FabricSize size = cluster_size(128, 1);
  const auto all_routes = [&size](const FabricSpec& one) {
    const Fabric fabric = make_fabric(one, size);
    const Router router(fabric);
    std::vector<Crossing> crossings;
    for (int to = 1; to < 128; ++to) {
      router.route(0, to, Medium::kNic, crossings);
    }
    return crossings;
  };
  const std::vector<Crossing> once = all_routes(spec);
  EXPECT_EQ(once, all_routes(spec));
  spec.seed = 2;
  EXPECT_NE(once, all_routes(spec));
}

TEST(Router, AddsUpLatenciesOfLinksAndSwitches) {
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kFatTree,
                   .radix = 8,
                   .link_latency = 0.1 * microsecond,
                   .switch_latency = 1.0 * microsecond,
                   .gpu_pcie = {.bandwidth = 64 * GB / second, .latency = 0.3 * microsecond}},
                  cluster_size(32, 1));
  for (const RoutingRule rule : {RoutingRule::kDModK, RoutingRule::kAdaptive}) {
    // Three switches, four cables, and the way between GPU and card at both ends.
    EXPECT_NEAR(route_latency(fabric, route(fabric, rule, 0, 31)) / microsecond, 4.0, 1e-9);
    EXPECT_NEAR(route_latency(fabric, route(fabric, rule, 0, 1)) / microsecond, 1.8, 1e-9);
  }
}

TEST(Router, NeverUsesWhatHasFailedAndFindsAWayWhereThereIsOne) {
  std::mt19937_64 random(14);
  int checked = 0;
  int lost = 0;
  for (int i = 0; i < 150; ++i) {
    RandomFabric made = random_fabric(random);
    const Fabric sound = make_fabric(made.spec, made.size);
    const DeviceId first_switch =
        sound.node.first_nic + static_cast<DeviceId>(sound.endpoints.size());
    for (int fault = 0; fault < 3; ++fault) {
      const auto link = static_cast<LinkId>(
          sound.first_link(first_switch) +
          static_cast<LinkId>(random() % static_cast<std::uint64_t>(
                                             sound.links() - sound.first_link(first_switch))));
      made.spec.faults.push_back(
          {.devices = {device_name(sound, sound.tail(link)), device_name(sound, sound.head(link))},
           .factor = 0.0,
           .place = {.file = "a.toml", .line = 9}});
    }
    const Fabric fabric = make_fabric(made.spec, made.size);
    const DeviceId first = fabric.node.first_nic;
    const int planes = fabric.spec.planes;
    const auto cards = static_cast<int>(fabric.endpoints.size());
    for (int pair = 0; pair < 30; ++pair) {
      const int plane = pair % planes;
      const auto pick = [&random, cards, planes, plane] {
        return static_cast<int>(random() % static_cast<std::uint64_t>(cards / planes)) * planes +
               plane;
      };
      const int from = pick();
      const int to = pick();
      if (from == to) {
        continue;
      }
      const int fewest = distance(fabric,
                                  first + static_cast<DeviceId>(from),
                                  first + static_cast<DeviceId>(to),
                                  [first](DeviceId next) { return next >= first; });
      for (const RoutingRule rule : kRules) {
        std::vector<Crossing> crossings;
        try {
          Router(fabric, rule).cross_network(from, to, 1.0, crossings);
        } catch (const InputError&) {
          // Trees go up, then down; a way that would have to turn twice is none for them.
          EXPECT_TRUE(fewest < 0 || std::holds_alternative<TreeNetwork>(fabric.network));
          lost += fewest >= 0 ? 1 : 0;
          continue;
        }
        ++checked;
        EXPECT_GE(fewest, 0);
        expect_conserved(fabric,
                         crossings,
                         first + static_cast<DeviceId>(from),
                         first + static_cast<DeviceId>(to),
                         describe(made));
      }
    }
  }
  EXPECT_GT(checked, 5000);
  EXPECT_LT(lost, checked / 20);
}

TEST(Router, NamesTheGpusThatFailuresCutOff) {
  FabricSpec spec{.kind = FabricKind::kFatTree, .radix = 8};
  spec.faults = {{.devices = {"leaf1"}, .factor = 0.0, .place = {.file = "a.toml", .line = 9}}};
  const Fabric fabric = make_fabric(spec, cluster_size(16, 1));
  try {
    route(fabric, RoutingRule::kAdaptive, 0, 5);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics()[0].message,
              "no way over the network from GPU 0 (node0.gpu0) to GPU 5 (node5.gpu0) is left");
    EXPECT_EQ(error.diagnostics()[0].place.line, 9);
  }
  EXPECT_FALSE(route(fabric, RoutingRule::kAdaptive, 0, 9).empty());
}

TEST(Router, SpreadsOverTheNvlinkSwitchesThatAreLeft) {
  FabricSpec spec{.node = NodeKind::kHgx};
  spec.faults = {{.devices = {"node0.nvswitch2"}, .factor = 0.0, .place = {}}};
  const Fabric fabric = make_fabric(spec, cluster_size(1, 8));
  const std::vector<Crossing> crossings = route(fabric, RoutingRule::kEcmp, 0, 7, Medium::kNvlink);
  EXPECT_EQ(crossings.size(), 6U);
  expect_conserved(fabric, crossings, 0, 7, "three switches");
}

/// Nodes of 8 on rails that only NVLink joins; of the last node 4 GPUs are in use.
Fabric partly_used(CrossRail cross_rail) {
  FabricSpec spec{.kind = FabricKind::kRailOptimised, .radix = 16};
  spec.cross_rail = cross_rail;
  FabricSize size = cluster_size(3, 8);
  size.idle = 4;
  return make_fabric(spec, size);
}

TEST(PartlyUsedNode, PassesNothingOnByGpusThatAreNotInUse) {
  for (const CrossRail cross_rail : {CrossRail::kNvlinkFirst, CrossRail::kNvlinkLast}) {
    const Fabric fabric = partly_used(cross_rail);
    const Router router(fabric);
    for (int from = 0; from < 20; ++from) {
      for (int to = 0; to < 20; ++to) {
        if (from / 8 == to / 8) {
          continue;
        }
        const std::vector<CardWay> ways = router.card_ways(from, to);
        ASSERT_EQ(ways.size(), 1U);
        EXPECT_LT(std::max(ways.front().from_gpu, ways.front().to_gpu), 20);
        EXPECT_EQ(ways.front().from_gpu / 8, from / 8);
        EXPECT_EQ(ways.front().to_gpu / 8, to / 8);
        EXPECT_EQ(ways.front().from_gpu % 8, ways.front().to_gpu % 8);  // on one rail
        std::vector<Crossing> crossings;
        router.route(from, to, Medium::kNic, crossings);
        expect_conserved(fabric,
                         crossings,
                         static_cast<DeviceId>(from),
                         static_cast<DeviceId>(to),
                         "a partly used node");
      }
    }
  }
}

TEST(PartlyUsedNode, ChangesRailsAtTheOtherEndOnlyWhereItMust) {
  const Fabric fabric = partly_used(CrossRail::kNvlinkFirst);
  const Router router(fabric);
  EXPECT_EQ(router.card_ways(6, 17).front().from_gpu, 1);  // as ever: the receiver's rail first
  EXPECT_EQ(router.card_ways(17, 6).front().to_gpu, 1);    // its GPU 6 is not in use
}

TEST(Fault, SlowsTheNamedLinksOnly) {
  FabricSpec spec{.kind = FabricKind::kFatTree, .radix = 8};
  spec.faults = {{.devices = {"leaf0", "spine1"}, .factor = 0.5, .place = {}},
                 {.devices = {"spine1"}, .factor = 0.5, .place = {}}};
  const Fabric fabric = make_fabric(spec, cluster_size(32, 1));
  const DeviceId leaf = find_device(fabric, "leaf0", {});
  const DeviceId spine = find_device(fabric, "spine1", {});
  for (LinkId link = 0; link < fabric.links(); ++link) {
    const DeviceId tail = fabric.tail(link);
    const DeviceId head = fabric.head(link);
    const bool of_spine = tail == spine || head == spine;
    const bool of_leaf = tail == leaf || head == leaf;
    EXPECT_EQ(fabric.link(link).health, of_spine && of_leaf ? 0.25 : of_spine ? 0.5 : 1.0);
  }
  EXPECT_FALSE(fabric.has_failures);
}

TEST(Fault, BetweenDevicesWithoutALinkIsAMistake) {
  FabricSpec spec{.kind = FabricKind::kFatTree, .radix = 8};
  spec.faults = {{.devices = {"leaf0", "leaf1"}, .factor = 0.5, .place = {.file = "a", .line = 2}}};
  EXPECT_THROW(make_fabric(spec, cluster_size(32, 1)), InputError);
  spec.faults = {{.devices = {"node0.gpu0"}, .factor = 0.5, .place = {.file = "a", .line = 2}}};
  EXPECT_THROW(make_fabric(spec, cluster_size(32, 1)), InputError);
}

}  // namespace
}  // namespace towtank
