// Switches that add (SHARP) on networks that are described.
#include <map>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/graph/port_speeds.hpp"
#include "tests/agree/small_collective.hpp"

namespace towtank {
namespace {

constexpr double kSame = 1e-9;

CollectiveCall all_reduce(int nodes, int per_node) {
  return {
      .kind = Collective::kAllReduce, .bytes = 240 * MB, .members = even_members(nodes, per_node)};
}

Cluster tree_of(FabricKind kind, RoutingRule routing, double oversubscription) {
  Cluster cluster = round_cluster(8, 4);
  cluster.fabric = FabricSpec{
      .kind = kind, .radix = 8, .oversubscription = {oversubscription}, .routing = routing};
  return cluster;
}

/// Bytes through all links out of the leaf switches upwards, by name.
std::map<std::string, double> carried(const CollectiveRun& run) {
  std::map<std::string, double> result;
  for (const WireLoad& wire : run.wires) {
    result[wire.name] += wire.carried.si() * static_cast<double>(wire.members);
  }
  return result;
}

// Plain tree of radix 8: a leaf has the 4 cards of one node, each of another rail. 8 leaves, four
// rails, each with a quarter of the data that leaves every leaf once, and comes back once.
TEST(AddingSwitches, PutTheDataOnEveryLeafUplinkOnce) {
  const CollectiveCall call = all_reduce(8, 4);
  const GroupCall group = round_call(Algorithm::kInNetwork, call);
  for (const RoutingRule routing :
       {RoutingRule::kAdaptive, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kShortest}) {
    const Cluster cluster = tree_of(FabricKind::kFatTree, routing, 1.0);
    const auto load = carried(run_on(cluster, {group}, Folding::kUnfolded));
    const bool bundled = routing == RoutingRule::kAdaptive;
    const double up = load.at(bundled ? "leaf up" : "leaf to spine");
    EXPECT_NEAR(up * group.cost.nic / (8 * call.bytes.si()), 1.0, kSame) << name(routing);
    EXPECT_EQ(up, load.at(bundled ? "leaf down" : "spine to leaf"));
    EXPECT_NEAR(load.at("nic out") * group.cost.nic / (8 * call.bytes.si()), 1.0, kSame);
  }
}

// Two nodes share a leaf of the rail: what both send leaves it as one stream.
TEST(AddingSwitches, MakeOneStreamOfAllMembersBehindALeaf) {
  Cluster cluster = tree_of(FabricKind::kRailOptimised, RoutingRule::kDModK, 1.0);
  const CollectiveCall call = all_reduce(8, 4);
  const GroupCall group = round_call(Algorithm::kInNetwork, call);
  const auto load = carried(run_on(cluster, {group}, Folding::kUnfolded));
  // 4 rails of 2 leaves, with 4 nodes each.
  EXPECT_NEAR(load.at("leaf to spine") * group.cost.nic / (2 * call.bytes.si()), 1.0, kSame);
  EXPECT_NEAR(load.at("nic out") * group.cost.nic / (8 * call.bytes.si()), 1.0, kSame);
}

TEST(AddingSwitches, TakeTheClosedFormOnAnIdleTree) {
  const CollectiveCall call = all_reduce(8, 4);
  const GroupCall group = round_call(Algorithm::kInNetwork, call);
  for (const FabricKind kind : {FabricKind::kFatTree, FabricKind::kRailOptimised}) {
    for (const RoutingRule routing : {RoutingRule::kAdaptive, RoutingRule::kDModK}) {
      const Cluster cluster = tree_of(kind, routing, 1.0);
      const Timing alone_time =
          alone(group.movement, group.members, group.cost, port_speeds(cluster));
      EXPECT_NEAR(run_on(cluster, {group}).time / alone_time.total(), 1.0, kSame)
          << name(kind) << " " << name(routing);
    }
  }
}

// 3:1 above leaves with 12 cards of one rail each: its stream is one cable's worth of the four that
// lead up, while pairs that cross the spine want more than six.
TEST(AddingSwitches, DoNotSufferWhereDirectTrafficDoes) {
  const auto slowdown = [](Algorithm algorithm, Collective kind) {
    CollectiveCall call = all_reduce(24, 4);
    call.kind = kind;
    const GroupCall group = round_call(algorithm, call);
    Cluster cluster = tree_of(FabricKind::kRailOptimised, RoutingRule::kAdaptive, 1.0);
    cluster.nodes = 24;
    cluster.fabric->radix = 24;
    const CollectiveRun wide = run_on(cluster, {group});
    cluster.fabric->oversubscription = {3.0};
    cluster.fabric->radix = 16;
    return run_on(cluster, {group}).time / wide.time;
  };
  EXPECT_NEAR(slowdown(Algorithm::kInNetwork, Collective::kAllReduce), 1.0, 1e-6);
  EXPECT_GT(slowdown(Algorithm::kDirect, Collective::kAllToAll), 1.2);
}

// Neighbouring jobs: their trees meet on the spine links, folded as unfolded.
TEST(AddingSwitches, AreFoldedExactly) {
  for (const RoutingRule routing :
       {RoutingRule::kAdaptive, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kShortest}) {
    for (const double oversubscription : {1.0, 3.0}) {
      Cluster cluster = tree_of(FabricKind::kFatTree, routing, oversubscription);
      cluster.faults = {{.gpu = 9, .nic = 0.5}};
      std::vector<GroupCall> groups;
      for (const int first : {0, 1}) {
        CollectiveCall call = all_reduce(8, 4);
        call.members.clear();
        for (int node = first; node < 8; node += 2) {
          for (int place = 0; place < 4; ++place) {
            call.members.push_back({.gpu = node * 4 + place, .node = node, .place = place});
          }
        }
        groups.push_back(round_call(Algorithm::kInNetwork, call));
      }
      const CollectiveRun folded = run_on(cluster, groups);
      const CollectiveRun whole = run_on(cluster, groups, Folding::kUnfolded);
      EXPECT_NEAR(folded.time / whole.time, 1.0, kSame) << name(routing);
      EXPECT_LT(folded.classes, whole.classes);
    }
  }
}

TEST(AddingSwitches, GoAroundAFailedLinkOrSayThatThereIsNoWay) {
  const GroupCall group = round_call(Algorithm::kInNetwork, all_reduce(8, 4));
  Cluster cluster = tree_of(FabricKind::kFatTree, RoutingRule::kDModK, 1.0);
  cluster.fabric->faults = {{.devices = {"leaf3", "spine0"}, .factor = 0.0}};
  const CollectiveRun folded = run_on(cluster, {group});
  EXPECT_NEAR(folded.time / run_on(cluster, {group}, Folding::kUnfolded).time, 1.0, kSame);
  cluster.fabric->faults = {{.devices = {"leaf3"}, .factor = 0.0}};
  EXPECT_THROW(run_on(cluster, {group}), InputError);
  EXPECT_THROW(run_on(cluster, {group}, Folding::kUnfolded), InputError);
}

TEST(AddingSwitches, AreThoseOfTheTiersThatSaySo) {
  const GroupCall group = round_call(Algorithm::kInNetwork, all_reduce(8, 4));
  for (const RoutingRule routing : {RoutingRule::kAdaptive, RoutingRule::kDModK}) {
    Cluster cluster = tree_of(FabricKind::kFatTree, routing, 1.0);
    cluster.fabric->adding_tiers = 1;
    try {
      run_on(cluster, {group});
      FAIL() << "the spine switches do not add";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("spine"), std::string::npos);
    }
    cluster.fabric->adding_tiers = 2;
    EXPECT_NO_THROW(run_on(cluster, {group}));
    cluster.fabric->adding_tiers = 1;
    cluster.fabric->radix = 64;  // one leaf for all
    EXPECT_NO_THROW(run_on(cluster, {group}));
  }
}

}  // namespace
}  // namespace towtank
