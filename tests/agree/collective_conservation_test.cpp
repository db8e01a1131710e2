// What collectives in simulated time keep: bytes, capacities, bounds; and more of anything never
// takes longer.
#include <array>
#include <cmath>
#include <utility>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/collective/pair_bytes.hpp"
#include "sim/engine/coarse_execute.hpp"
#include "sim/graph/movement_graph.hpp"
#include "sim/graph/port_speeds.hpp"
#include "sim/plan/portable_random.hpp"
#include "tests/agree/least_time.hpp"
#include "tests/agree/small_collective.hpp"

namespace towtank {
namespace {

/// Bytes through all ports of a kind, protocol overhead taken off.
Bytes through(const CollectiveRun& run, const std::string& port, double efficiency) {
  Bytes sum;
  for (const WireLoad& wire : run.wires) {
    if (wire.name == port) {
      sum += wire.carried * (efficiency * static_cast<double>(wire.members));
    }
  }
  return sum;
}

/// Payload that leaves all members by closed form, over both media together: a reduction or
/// gathering in rings moves bus_factor times the size over each of n stretches.
TEST(CollectiveConservation, RingsMoveWhatTheClosedFormSays) {
  for (const auto& [nodes, gpus] : {std::pair(1, 8), std::pair(4, 4), std::pair(3, 1)}) {
    for (const Collective kind :
         {Collective::kAllReduce, Collective::kAllGather, Collective::kReduceScatter}) {
      const CollectiveCall call{
          .kind = kind, .bytes = 96 * MB, .members = even_members(nodes, gpus)};
      const GroupCall group = round_call(Algorithm::kRing, call);
      const CollectiveRun run = run_on(round_cluster(nodes, gpus), {group});
      const Bytes out =
          through(run, "nvlink out", group.cost.nvlink) + through(run, "nic out", group.cost.nic);
      const int ranks = nodes * gpus;
      EXPECT_NEAR(
          out / (call.bytes * bus_factor(kind, ranks) * static_cast<double>(ranks)), 1.0, 1e-9);
    }
  }
}

TEST(CollectiveConservation, AllToAllsMoveAllButWhatStays) {
  const CollectiveCall call{
      .kind = Collective::kAllToAll, .bytes = 96 * MB, .members = even_members(4, 4)};
  const GroupCall group = round_call(Algorithm::kDirect, call);
  const CollectiveRun run = run_on(round_cluster(4, 4), {group});
  EXPECT_NEAR(through(run, "nic out", group.cost.nic) / (96 * MB * 12.0), 1.0, 1e-9);
  EXPECT_NEAR(through(run, "nvlink out", group.cost.nvlink) / (96 * MB * 3.0), 1.0, 1e-9);
}

/// Clusters with and without switches, sound and faulty.
std::vector<Cluster> clusters() {
  std::vector<Cluster> result = {round_cluster(8, 4)};
  for (const double oversubscription : {1.0, 3.0}) {
    for (const RoutingRule routing :
         {RoutingRule::kAdaptive, RoutingRule::kEcmp, RoutingRule::kDModK}) {
      result.push_back(round_cluster(8, 4));
      result.back().fabric = FabricSpec{.kind = FabricKind::kFatTree,
                                        .radix = 8,
                                        .oversubscription = {oversubscription},
                                        .routing = routing};
    }
  }
  for (const FabricKind kind : {FabricKind::kNonblocking, FabricKind::kFatTree}) {
    for (const auto& [nics, gpus] : {std::pair(2, 1), std::pair(1, 2)}) {
      result.push_back(round_cluster(8, 4));
      result.back().fabric = FabricSpec{.kind = kind,
                                        .radix = 16,
                                        .nics_per_gpu = nics,
                                        .gpus_per_nic = gpus,
                                        .routing = RoutingRule::kAdaptive};
    }
  }
  const std::size_t sound = result.size();
  for (std::size_t i = 0; i < sound; ++i) {
    result.push_back(result[i]);
    result.back().faults = {{.gpu = 5, .nvlink = 0.5}, {.gpu = 17, .nic = 0.25}};
  }
  return result;
}

/// Calls `visit(cluster, call, algorithm)` for all that can run.
template <typename Visit>
void for_each_call(Visit visit) {
  for (const Cluster& cluster : clusters()) {
    for (const Collective kind : kCollectives) {
      CollectiveCall call{.kind = kind, .bytes = 64 * MB, .members = even_members(8, 4)};
      if (kind == Collective::kSendRecv) {
        call.members = {call.members[2], call.members[17]};
      }
      for (const Algorithm algorithm : kAlgorithms) {
        if (why_not(algorithm, call).empty()) {
          visit(cluster, call, algorithm);
        }
      }
    }
  }
}

TEST(CollectiveConservation, NoWireIsBeyondItsCapacityNorAnyCallBeyondItsBounds) {
  int visited = 0;
  int contended = 0;
  for_each_call([&](const Cluster& cluster, const CollectiveCall& call, Algorithm algorithm) {
    const GroupCall group = round_call(algorithm, call);
    const CollectiveRun run = run_on(cluster, {group});
    const Seconds moving = run.time - run.latency;
    for (const WireLoad& wire : run.wires) {
      EXPECT_LE(wire.carried / wire.capacity, moving * (1.0 + 1e-9)) << wire.name;
    }
    const Timing closed = alone(group.movement, group.members, group.cost, port_speeds(cluster));
    const Seconds bound = least_time(group.movement, group.members, group.cost, cluster);
    EXPECT_GE(moving, bound * (1.0 - 1e-9)) << name(call.kind) << " " << name(algorithm);
    EXPECT_GE(run.time, closed.total() * (1.0 - 1e-9));
    contended += moving > bound * 1.01 ? 1 : 0;
    ++visited;
  });
  EXPECT_GT(visited, 200);
  EXPECT_GT(contended, 30);  // the network, not a port, was what limited these
}

TEST(CollectiveConservation, MoreBytesLessBandwidthAndMoreLatencyNeverTakeLess) {
  for_each_call([](const Cluster& cluster, const CollectiveCall& call, Algorithm algorithm) {
    const Seconds time = run_on(cluster, {round_call(algorithm, call)}).time;
    CollectiveCall more = call;
    more.bytes *= 1.3;
    EXPECT_GT(run_on(cluster, {round_call(algorithm, more)}).time, time);

    Cluster slower = cluster;
    slower.nic.bandwidth *= 0.8;
    EXPECT_GE(run_on(slower, {round_call(algorithm, call)}).time, time * (1.0 - 1e-9));
    slower = cluster;
    slower.nvlink.bandwidth *= 0.8;
    EXPECT_GE(run_on(slower, {round_call(algorithm, call)}).time, time * (1.0 - 1e-9));

    GroupCall later = round_call(algorithm, call);
    later.cost.nic_hop *= 2.0;
    later.cost.nvlink_hop *= 2.0;
    EXPECT_GT(run_on(cluster, {later}).time, time);
  });
}

// Rings are convoys: one slow card paces them all.
TEST(CollectiveConservation, ARingMovesAtThePaceOfItsSlowestCard) {
  const CollectiveCall call{
      .kind = Collective::kAllReduce, .bytes = 640 * MB, .members = even_members(8, 4)};
  Cluster cluster = round_cluster(8, 4);
  const GroupCall group = round_call(Algorithm::kRing, call);
  const CollectiveRun sound = run_on(cluster, {group});
  cluster.faults = {{.gpu = 17, .nic = 0.25}};
  const CollectiveRun faulty = run_on(cluster, {group});
  const Timing closed = alone(group.movement, group.members, group.cost, round_speeds());
  EXPECT_NEAR((faulty.time - faulty.latency) / (4.0 * closed.phases.front().nic), 1.0, 1e-9);
  EXPECT_GT(faulty.time, sound.time);
  EXPECT_EQ(fullest_wire(faulty)->gpu, 17);
  EXPECT_EQ(faulty.classes, 2);
}

// Two groups whose traffic crosses the same uplinks take twice what one takes; groups that share
// nothing take what one takes.
TEST(CollectiveContention, ShowsBetweenGroupsOnSharedWires) {
  Cluster cluster = round_cluster(8, 4);
  cluster.fabric = FabricSpec{
      .kind = FabricKind::kFatTree, .radix = 8, .oversubscription = {3.0}, .routing = {}};
  cluster.fabric->routing = RoutingRule::kAdaptive;
  const auto call = [&](int first, int stride) {
    return round_call(Algorithm::kDirect,
                      {.kind = Collective::kAllToAll,
                       .bytes = 640 * MB,
                       .members = members_from(cluster, first, 8, stride)});
  };
  const Seconds one = run_on(cluster, {call(0, 4)}).time;
  const Seconds four = run_on(cluster, {call(0, 4), call(1, 4), call(2, 4), call(3, 4)}).time;
  EXPECT_GT(four, one * 1.5);
  Cluster non_blocking = cluster;
  non_blocking.fabric.reset();
  const Seconds apart = run_on(non_blocking, {call(0, 4), call(1, 4), call(2, 4), call(3, 4)}).time;
  EXPECT_NEAR(apart / run_on(non_blocking, {call(0, 4)}).time, 1.0, 1e-9);
}

PairMatrix random_matrix(int members, unsigned seed) {
  PortableRandom random(seed);
  PairMatrix matrix{.members = members, .bytes = {}};
  for (int i = 0; i < members * members; ++i) {
    matrix.bytes.push_back(random.unit() < 0.2 ? Bytes() : random.unit() * MB);
  }
  return matrix;
}

GroupCall pairs_call(const PairMatrix& matrix, const std::vector<Member>& members) {
  return {.members = members,
          .movement = pair_movement(matrix, members),
          .cost = round_cost(Pattern::kPairs, Protocol::kSimple)};
}

TEST(PairsInTime, MoveEveryByteAndRespectTheFullestPort) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const std::vector<Member> members = even_members(3, 4);
    const PairMatrix matrix = random_matrix(12, seed);
    const GroupCall call = pairs_call(matrix, members);
    const CollectiveRun run = run_on(round_cluster(3, 4), {call});
    const Bytes out =
        through(run, "nvlink out", call.cost.nvlink) + through(run, "nic out", call.cost.nic);
    EXPECT_NEAR(out / matrix.total(), 1.0, 1e-9);
    EXPECT_GE(run.time - run.latency,
              least_time(call.movement, members, call.cost, round_cluster(3, 4)) * (1.0 - 1e-9));
  }
}

// The same size for every pair is the all-to-all.
TEST(PairsInTime, OfOneSizeAreAnAllToAll) {
  const std::vector<Member> members = even_members(4, 4);
  const PairMatrix matrix{.members = 16, .bytes = std::vector<Bytes>(256, 4 * MB)};
  const CollectiveCall call{.kind = Collective::kAllToAll, .bytes = 64 * MB, .members = members};
  const CollectiveRun pairs = run_on(round_cluster(4, 4), {pairs_call(matrix, members)});
  const CollectiveRun all = run_on(round_cluster(4, 4), {round_call(Algorithm::kDirect, call)});
  EXPECT_NEAR(pairs.time / all.time, 1.0, 1e-9);
}

std::vector<Cluster> clusters_of_several_and_shared_cards() {
  std::vector<Cluster> result;
  const auto add = [&result](const FabricSpec& spec) {
    result.push_back(round_cluster(3, 4));
    result.back().fabric = spec;
  };
  for (const FabricKind kind : {FabricKind::kNonblocking, FabricKind::kFatTree}) {
    add({.kind = kind, .radix = 16, .nics_per_gpu = 2});
    add({.kind = kind, .radix = 16, .gpus_per_nic = 2});
    add({.kind = kind, .radix = 16, .gpus_per_nic = 4});
  }
  add({.kind = FabricKind::kMultiPlane, .radix = 16, .planes = 2});
  add({.kind = FabricKind::kMultiPlane, .radix = 16, .planes = 4});
  return result;
}

// Where traffic leaves by several cards, by shared ones, or by a neighbour's: what the run counts
// on its fullest port is never less than what the description of the cluster asks for.
TEST(PairsInTime, RespectTheFullestPortWhereverTrafficLeaves) {
  for (const Cluster& cluster : clusters_of_several_and_shared_cards()) {
    for (unsigned seed = 0; seed < 5; ++seed) {
      const std::vector<Member> members = even_members(3, 4);
      const GroupCall call = pairs_call(random_matrix(12, seed), members);
      const CollectiveRun run = run_on(cluster, {call});
      const WireLoad* const port = fullest_port(run);
      ASSERT_NE(port, nullptr);
      const Seconds counted = port->carried / port->capacity;
      EXPECT_GE(run.time - run.latency, counted * (1.0 - 1e-9));
      EXPECT_GE(counted, least_time(call.movement, members, call.cost, cluster) * (1.0 - 1e-9));
    }
  }
}

MovementGraph pair_graph(int nodes) {
  const std::vector<Member> members = even_members(nodes, 4);
  const GroupMovement group{.members = members,
                            .movement = pair_movement(random_matrix(nodes * 4, 7), members)};
  return lower_movements(round_cluster(nodes, 4), nullptr, {&group, 1}, Folding::kFolded);
}

/// Payload as it is, without delays.
Workload bare(const OpGraph& graph) {
  Workload workload;
  workload.traffics.reserve(graph.traffics.size());
  for (const Traffic& traffic : graph.traffics) {
    WireTraffic wire;
    wire.flows.reserve(traffic.flows.size());
    for (const Flow& flow : traffic.flows) {
      wire.flows.push_back(flow.bytes);
    }
    workload.traffics.push_back(std::move(wire));
  }
  return workload;
}

double last_end(const Execution& execution) {
  return execution.completions.back().end;
}

// Rates that are adapted now and then: little longer, never shorter. At every end: the same.
TEST(PairsInTime, OfVeryManySizesTakeLittleLongerThanExactly) {
  const MovementGraph pairs = pair_graph(10);
  const Workload workload = bare(pairs.graph);
  const double exact = last_end(execute(pairs.graph, workload));
  const double coarse = last_end(execute_coarsely(pairs.graph, workload, 2e-3));
  EXPECT_GT(coarse, exact * (1.0 - 1e-9));
  EXPECT_LE(coarse, exact * 1.005);
  EXPECT_NEAR(last_end(execute_coarsely(pairs.graph, workload, 0.0)) / exact, 1.0, 1e-9);
}

// 64 GPUs in which every pair has a size of its own are exact; many more are not.
TEST(PairsInTime, AreExactForAThousandSizesAndForSixtyFourGpus) {
  EXPECT_EQ(grain_of(pair_graph(5).graph), std::nullopt);
  EXPECT_EQ(grain_of(pair_graph(16).graph), 0.0);
  EXPECT_GT(grain_of(pair_graph(20).graph), 0.0);
}

}  // namespace
}  // namespace towtank
