// Slim Fly graphs and the arithmetic below them.
#include <gtest/gtest.h>

#include "sim/cluster/generators/finite_ring.hpp"
#include "sim/cluster/hop_counts.hpp"
#include "sim/cluster/topology_summary.hpp"
#include "tests/sim/cluster/fabric_maker.hpp"

namespace towtank {
namespace {

TEST(FiniteRing, KeepsTheLawsOfARing) {
  for (const int order : {2, 3, 4, 5, 8, 9, 12, 13, 16, 20, 25, 27, 28}) {
    const FiniteRing ring(order);
    for (int a = 0; a < order; ++a) {
      EXPECT_EQ(ring.add(a, 0), a);
      EXPECT_EQ(ring.multiply(a, ring.one()), a);
      EXPECT_EQ(ring.add(a, ring.negative(a)), 0);
      for (int b = 0; b < order; ++b) {
        ASSERT_EQ(ring.add(a, b), ring.add(b, a));
        ASSERT_EQ(ring.multiply(a, b), ring.multiply(b, a));
        const int c = (3 * a + 5 * b + 1) % order;
        ASSERT_EQ(ring.multiply(a, ring.add(b, c)),
                  ring.add(ring.multiply(a, b), ring.multiply(a, c)));
        ASSERT_EQ(ring.multiply(a, ring.multiply(b, c)), ring.multiply(ring.multiply(a, b), c));
      }
    }
  }
}

TEST(FiniteRing, OfPrimePowerOrderIsAField) {
  for (const int order : {2, 3, 4, 5, 7, 8, 9, 16, 25, 27, 32, 49}) {
    const FiniteRing ring(order);
    EXPECT_TRUE(ring.is_field());
    for (int a = 1; a < order; ++a) {
      for (int b = 1; b < order; ++b) {
        ASSERT_NE(ring.multiply(a, b), 0) << order;
      }
    }
  }
  EXPECT_FALSE(FiniteRing(28).is_field());
}

Fabric slim_fly(int q) {
  const FabricSpec spec{
      .kind = FabricKind::kSlimFly, .radix = 128, .slim_fly = {.q = q, .endpoints = 1}};
  return make_fabric(spec, cluster_size(2 * q * q, 1));
}

TEST(SlimFly, IsRegularWithDiameterTwo) {
  for (const int q : {3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19}) {
    const Fabric fabric = slim_fly(q);
    const int delta = q % 4 == 3 ? -1 : q % 4;
    for (DeviceId device = 0; device < fabric.devices(); ++device) {
      if (fabric.kind(device) == DeviceKind::kLeaf) {
        ASSERT_EQ(fabric.ports(device), (3 * q - delta) / 2 + 1) << q;
      }
    }
    EXPECT_EQ(count_hops(fabric).diameter, 2 + 2) << q;  // two between switches, two at cards
  }
}

TEST(SlimFly, OfNoPrimePowerHasTheCountsButDiameterThree) {
  for (const int q : {12, 15, 20, 21, 28}) {
    const Fabric fabric = slim_fly(q);
    const int delta = q % 4 == 3 ? -1 : q % 4;
    const TopologySummary summary = summarise(fabric);
    EXPECT_EQ(summary.switches, 2 * q * q);
    EXPECT_EQ(summary.inter_switch_links, q * q * (3 * q - delta) / 2) << q;
    EXPECT_EQ(count_hops(fabric).diameter, 3 + 2) << q;
  }
}

TEST(Dragonfly, IsFullyConnectedInGroupsAndJoinsAllGroupsEvenly) {
  for (const int groups : {2, 3, 5, 8, 9, 17}) {
    const FabricSpec spec{
        .kind = FabricKind::kDragonfly,
        .dragonfly = {.endpoints = 1, .switches = 4, .global = 4, .groups = groups}};
    const Fabric fabric = make_fabric(spec, cluster_size(4 * groups, 1));
    const auto& network = std::get<GraphNetwork>(fabric.network);
    std::vector<std::vector<int>> between(static_cast<std::size_t>(groups),
                                          std::vector<int>(static_cast<std::size_t>(groups), 0));
    for (DeviceId at = 0; at < network.switches; ++at) {
      const LinkId first = fabric.first_link(network.first_switch + at);
      for (LinkId link = first; link < first + fabric.ports(network.first_switch + at); ++link) {
        const DeviceId other = fabric.head(link) - network.first_switch;
        if (other < network.switches) {
          ++between[at / 4][other / 4];
        }
      }
      EXPECT_LE(fabric.ports(network.first_switch + at), 1 + 3 + 4);
    }
    for (std::size_t a = 0; a < between.size(); ++a) {
      EXPECT_EQ(between[a][a], 4 * 3);
      for (std::size_t b = 0; b < between.size(); ++b) {
        if (a != b) {
          EXPECT_GE(between[a][b], 16 / (groups - 1)) << groups;
          EXPECT_LE(between[a][b], 16 / (groups - 1) + 2) << groups;
        }
      }
    }
    EXPECT_LE(count_hops(fabric).diameter, 3 + 2);
  }
}

}  // namespace
}  // namespace towtank
