#include "sim/collective/timing.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "sim/collective/choose.hpp"
#include "tests/sim/collective/costs_maker.hpp"

namespace towtank {
namespace {

Timing time_of(Algorithm algorithm,
               const CollectiveCall& call,
               const NetworkCost& cost,
               const PortSpeeds& speeds = round_speeds()) {
  return alone(movement(algorithm, call), call.members, cost, speeds);
}

TEST(RingAllReduce, TakesTheTextbookTime) {
  // Patarasuk and Yuan: 2 (n - 1) steps of a hop, and 2 (n - 1) / n of the bytes over a link.
  const CollectiveCall call{.bytes = 320 * MB, .members = even_members(1, 8)};
  const Timing time = time_of(Algorithm::kRing, call, round_cost(Pattern::kRing, Protocol::kLl));
  EXPECT_NEAR(time.total() / microsecond, 10.0 + 14.0 + 1.75 * 320e6 / (0.8 * 400e9) * 1e6, 1e-6);
}

TEST(PipelinedRing, TakesTheBestChunksTime) {
  // By brute force: k chunks pass s stages of a hop each in (k + s - 1) steps; with many chunks the
  // best k gives (sqrt(s hop) + sqrt(t))^2.
  const CollectiveCall call{
      .kind = Collective::kAllGather, .bytes = 3200 * MB, .members = even_members(1, 8)};
  const Timing time =
      time_of(Algorithm::kRing, call, round_cost(Pattern::kRing, Protocol::kSimple));
  const double wire = 0.875 * 3200e6 / (0.8 * 400e9) * 1e6;
  double best = 1e30;
  for (int step = 0; step < 1400; ++step) {
    const double chunks = std::pow(1.01, step);
    // A chunk overlaps the one before but for its share of the stages' hops.
    best = std::min(best, (1.0 + 1.0 / chunks) * wire + 7.0 * (1.0 + chunks));
  }
  EXPECT_NEAR(
      time.total() / microsecond, 10.0 + std::pow(std::sqrt(7.0) + std::sqrt(wire), 2), 1e-6);
  EXPECT_NEAR((wire + 7.0 + 2.0 * std::sqrt(7.0 * wire)), best, 1e-3 * best);
}

TEST(AllToAllLaw, ApproachesTheCardsSpeedTimesNodesOverOthers) {
  // nccl-tests issue 130: busbw of large messages is N / (N - 1) of a card's payload rate, times
  // (n - 1) / n by busbw's definition of the bytes that stay.
  for (int nodes : {2, 4, 16}) {
    const CollectiveCall call{
        .kind = Collective::kAllToAll, .bytes = 64 * GB, .members = even_members(nodes, 8)};
    const Timing time =
        time_of(Algorithm::kDirect, call, round_cost(Pattern::kPairs, Protocol::kSimple));
    const int n = 8 * nodes;
    const double bus = call.bytes / time.total() / (GB / second) * bus_factor(call.kind, n);
    const double expected = 45.0 * (n - 1.0) / (n - 8.0);
    EXPECT_NEAR(bus, expected, 0.01 * expected);
    EXPECT_NEAR(expected, 45.0 * nodes / (nodes - 1.0), 0.07 * expected);
  }
}

/// Calls `visit` with the timing of every algorithm that runs, over kinds, shapes and protocols.
template <typename Visit>
void for_many_timings(Visit visit) {
  for (const auto& members : {even_members(1, 2), even_members(1, 7), even_members(3, 4)}) {
    for (const Collective kind : kCollectives) {
      for (const Algorithm algorithm : kAlgorithms) {
        for (const Protocol protocol : kProtocols) {
          const CollectiveCall call{.kind = kind, .bytes = 50 * MB, .members = members};
          if (why_not(algorithm, call).empty()) {
            visit(algorithm, call, round_cost(pattern_of(algorithm, kind), protocol));
          }
        }
      }
    }
  }
}

TEST(AnyTime, NeverBeatsItsPortsNorItsHops) {
  for_many_timings([](Algorithm algorithm, const CollectiveCall& call, const NetworkCost& cost) {
    const Movement moved = movement(algorithm, call);
    const Timing time = alone(moved, call.members, cost, round_speeds());
    Seconds ports;
    Seconds hops;
    for (const MovementPhase& phase : moved.phases) {
      const FullestPorts fullest = fullest_ports(phase, call.members);
      ports += std::max(fullest.nvlink / round_speeds().nvlink, fullest.nic / round_speeds().nic);
      hops += cost.nvlink_hop * static_cast<double>(phase.hops.nvlink) +
              cost.nic_hop * static_cast<double>(phase.hops.nic);
    }
    EXPECT_GT(time.total(), ports);
    EXPECT_GE(time.total(), cost.start_up + hops);
    EXPECT_NEAR((time.total() - time.latency()).si(), ports.si() / 0.8, 0.2 * ports.si());
  });
}

TEST(AnyTime, FallsWithBandwidthAndRisesWithLatencyAndBytes) {
  for_many_timings([](Algorithm algorithm, const CollectiveCall& call, const NetworkCost& cost) {
    const Seconds before = time_of(algorithm, call, cost).total();
    CollectiveCall more = call;
    more.bytes = call.bytes * 1.5;
    EXPECT_GT(time_of(algorithm, more, cost).total(), before);
    PortSpeeds faster = round_speeds();
    faster.nvlink = faster.nvlink * 2.0;
    EXPECT_LE(time_of(algorithm, call, cost, faster).total(), before);
    faster.nic = faster.nic * 2.0;
    EXPECT_LT(time_of(algorithm, call, cost, faster).total(), before);
    NetworkCost slower = cost;
    slower.nvlink_hop = cost.nvlink_hop * 3.0;
    slower.nic_hop = cost.nic_hop * 3.0;
    EXPECT_GT(time_of(algorithm, call, slower).total(), before);
  });
}

TEST(Limit, IsWhatTakesMostOfTheTime) {
  const NetworkCost ring = round_cost(Pattern::kRing, Protocol::kLl);
  CollectiveCall call{.bytes = 1 * KB, .members = even_members(1, 8)};
  EXPECT_EQ(time_of(Algorithm::kRing, call, ring).limit(), Limit::kLatency);
  call.bytes = 10 * GB;
  EXPECT_EQ(time_of(Algorithm::kRing, call, ring).limit(), Limit::kNvlink);
  call.members = even_members(2, 2);
  EXPECT_EQ(time_of(Algorithm::kRing, call, ring).limit(), Limit::kNic);
}

TEST(NoBytes, TakeTheStartUpAlone) {
  const CollectiveCall call{.bytes = Bytes(), .members = even_members(2, 8)};
  EXPECT_EQ(time_of(Algorithm::kRing, call, round_cost(Pattern::kRing, Protocol::kLl)).total(),
            10 * microsecond);
}

}  // namespace
}  // namespace towtank
