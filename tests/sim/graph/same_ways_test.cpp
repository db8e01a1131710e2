// GPUs said to take the same ways, against the ways themselves.
#include "sim/graph/same_ways.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/graph/fabric_wires.hpp"

namespace towtank {
namespace {

Cluster cluster_on(FabricSpec fabric) {
  return {.name = "test",
          .gpu = "test",
          .nodes = 8,
          .gpus_per_node = 4,
          .nvlink = {.bandwidth = 200 * GB / second, .latency = Seconds()},
          .nic = {.bandwidth = 50 * GB / second, .latency = Seconds()},
          .fabric = std::move(fabric)};
}

std::vector<FabricSpec> fabrics() {
  std::vector<FabricSpec> result;
  for (const FabricKind kind : {FabricKind::kFatTree,
                                FabricKind::kRailOptimised,
                                FabricKind::kMultiPlane,
                                FabricKind::kTorus,
                                FabricKind::kDragonfly}) {
    for (const RoutingRule routing : {RoutingRule::kShortest,
                                      RoutingRule::kDModK,
                                      RoutingRule::kEcmp,
                                      RoutingRule::kAdaptive}) {
      for (const int tiers : {2, 3}) {
        FabricSpec spec;
        spec.kind = kind;
        spec.routing = routing;
        spec.tiers = tiers;
        spec.radix = 8;
        spec.planes = kind == FabricKind::kMultiPlane ? 4 : 1;
        spec.torus = {.sizes = {2, 2, 2}, .endpoints = 4};
        spec.dragonfly = {.endpoints = 4, .switches = 4, .global = 1, .groups = 2};
        result.push_back(spec);
      }
    }
  }
  return result;
}

TEST(SameWays, AreTheWaysOfAllThatAreSaidToShareThem) {
  int senders = 0;
  int receivers = 0;
  for (const FabricSpec& spec : fabrics()) {
    const Cluster cluster = cluster_on(spec);
    FabricWires wires(cluster);
    const SameWays same(cluster);
    const auto shares = [&](int from, int to) { return wires.between(from, to).shares; };
    for (int a = 0; a < cluster.gpus(); ++a) {
      for (int b = a + 1; b < cluster.gpus(); ++b) {
        for (int other = 0; other < cluster.gpus(); ++other) {
          const bool one_rail =
              same.on_one_rail(a % 4, b % 4) && same.on_one_rail(a % 4, other % 4);
          if (!one_rail || other == a || other == b) {
            continue;
          }
          try {
            if (same.sending(a) == same.sending(b)) {
              EXPECT_EQ(shares(a, other), shares(b, other));
              ++senders;
            }
            if (same.receiving(a) == same.receiving(b)) {
              EXPECT_EQ(shares(other, a), shares(other, b));
              ++receivers;
            }
          } catch (const InputError&) {
            continue;  // divides into no whole parts
          }
        }
      }
    }
  }
  EXPECT_GT(senders, 10'000);
  EXPECT_GT(receivers, 2'000);
}

TEST(SameWays, AreNobodysUnderHashesAndFaults) {
  FabricSpec spec{.kind = FabricKind::kFatTree, .radix = 8, .routing = RoutingRule::kEcmp};
  EXPECT_FALSE(SameWays(cluster_on(spec)).alike_sending());
  spec.routing = RoutingRule::kAdaptive;
  EXPECT_TRUE(SameWays(cluster_on(spec)).alike_sending());
  spec.faults = {{.devices = {"leaf0", "spine0"}, .factor = 0.5}};
  EXPECT_FALSE(SameWays(cluster_on(spec)).alike_sending());
}

}  // namespace
}  // namespace towtank
