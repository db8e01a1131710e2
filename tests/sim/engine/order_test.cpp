// When operations start: stream order, dependencies, rendezvous; and what the timeline says of it.
#include <gtest/gtest.h>

#include "tests/sim/engine/graph_maker.hpp"

namespace towtank {
namespace {

constexpr double kTolerance = 1e-10;  // seconds

TEST(Order, OperationsOfAStreamFollowEachOther) {
  GraphMaker maker(1);
  maker.compute(0, 3 * millisecond);
  maker.compute(0, 4 * millisecond);
  const Timeline timeline = maker.run();
  ASSERT_EQ(timeline.events.size(), 2u);
  EXPECT_EQ(timeline.events[1].start, timeline.events[0].end);
  EXPECT_NEAR(timeline.end.si(), 7e-3, kTolerance);
}

TEST(Order, StreamsOfARankRunSideBySide) {
  GraphMaker maker(2);
  maker.compute(0, 3 * millisecond);
  maker.transfer(0, StreamKind::kData, {nic(0, 1, 50 * MB)});
  EXPECT_NEAR(maker.run().end.si(), 3e-3, kTolerance);
}

TEST(Order, DependencyHoldsAcrossRanks) {
  GraphMaker maker(2);
  const Vertex first = maker.compute(0, 3 * millisecond);
  const Vertex send = maker.transfer(0, StreamKind::kNext, {nic(0, 1, 50 * MB)});
  const Vertex second = maker.compute(1, 5 * millisecond);
  maker.depend(first, send);
  maker.depend(send, second);
  const Timeline timeline = maker.run();
  EXPECT_NEAR(only_event(timeline, 0, StreamKind::kNext).start, 3e-3, kTolerance);
  EXPECT_NEAR(only_event(timeline, 1).start, 4e-3, kTolerance);
  EXPECT_NEAR(timeline.end.si(), 9e-3, kTolerance);
}

TEST(Order, OperationWaitsForTheLastOfItsDependencies) {
  GraphMaker maker(4);
  const Vertex last = maker.compute(3, 1 * millisecond);
  for (int rank = 0; rank < 3; ++rank) {
    maker.depend(maker.compute(rank, (rank + 2) * millisecond), last);
  }
  const Timeline timeline = maker.run();
  const Event event = only_event(timeline, 3);
  EXPECT_NEAR(event.start, 4e-3, kTolerance);
  EXPECT_EQ(timeline.events.at(static_cast<std::size_t>(event.cause)).rank, 2);
}

TEST(Order, RendezvousStartsWithItsLastMemberAndEndsWithItsLastFlow) {
  GraphMaker maker(3);
  const std::vector<Bytes> sizes = {10 * MB, 50 * MB, 20 * MB};
  for (int rank = 0; rank < 3; ++rank) {
    const Vertex before = maker.compute(rank, (rank + 1) * millisecond);
    const Vertex member =
        maker.transfer(rank,
                       StreamKind::kData,
                       {nic(rank, (rank + 1) % 3, sizes[static_cast<std::size_t>(rank)])},
                       4);
    maker.depend(before, member);
  }
  const Timeline timeline = maker.run();
  for (int rank = 0; rank < 3; ++rank) {
    const Event event = only_event(timeline, rank, StreamKind::kData);
    EXPECT_NEAR(event.start, 3e-3, kTolerance);
    EXPECT_NEAR(event.end, 4e-3, kTolerance);
    EXPECT_EQ(timeline.events.at(static_cast<std::size_t>(event.cause)).rank, 2);
  }
}

TEST(Order, RendezvousOfManyRoundsKeepsItsMembersInStep) {
  GraphMaker maker(4);
  for (int round = 0; round < 5; ++round) {
    for (int rank = 0; rank < 4; ++rank) {
      maker.transfer(rank, StreamKind::kData, {nic(rank, (rank + 1) % 4, (rank + 1) * MB)}, round);
    }
  }
  EXPECT_NEAR(maker.run().end.si(), 5 * 4e6 / 50e9, kTolerance);
}

TEST(Order, SegmentLastsItsKernelsAndTheirLaunches) {
  GraphMaker maker(1);
  maker.compute(0, 100 * microsecond);
  maker.compute(0, 200 * microsecond);
  maker.graph.segments[0].ops.push_back(maker.graph.segments[1].ops[0]);
  maker.profile.launch = 2 * microsecond;
  EXPECT_NEAR(maker.run().end.si(), (102 + 202 + 202) * 1e-6, kTolerance);
}

TEST(Order, SegmentThatSharesTheGpuRunsOnTheSmsLeftToIt) {
  GraphMaker maker(1);
  maker.compute(0, 100 * microsecond);
  MeasuredPoint beside = maker.profile.points[0];
  beside.sms = 80;
  beside.time = 130 * microsecond;
  maker.profile.points.push_back(beside);
  Simulation simulation = maker.simulation();
  simulation.communication_sms = 20;
  EXPECT_NEAR(simulate(simulation).end.si(), 100e-6, kTolerance);
  maker.graph.segments[0].shares_gpu = true;
  EXPECT_NEAR(simulate(simulation).end.si(), 130e-6, kTolerance);
}

TEST(Order, SharesOfALabelAreTheTimesOfItsFamilies) {
  GraphMaker maker(1);
  const Op gemm{.kind = OpKind::kGemm, .shape = GemmShape{.m = 4096, .n = 4096, .k = 4096}};
  const Op norm{.kind = OpKind::kNorm, .shape = SweepShape{.rows = 4096, .columns = 7168}};
  const Op rope{.kind = OpKind::kRope, .shape = SweepShape{.rows = 4096, .columns = 4096}};
  maker.graph.segments.push_back({.name = "layer", .ops = {gemm, norm, rope}});
  maker.add({.work = Node::Work::kSegment, .index = 0});
  const Timeline timeline = maker.run();

  const Estimate matrix = estimate(maker.profile, gemm, 100);
  const Estimate sweep = estimate(maker.profile, norm, 100);
  const Estimate rotary = estimate(maker.profile, rope, 100);
  const Seconds bound_by_memory = sweep.time + rotary.time;
  ASSERT_EQ(timeline.labels.size(), 1u);
  const EventLabel& label = timeline.labels[0];
  ASSERT_EQ(label.shares.size(), 2u);
  const Share& gemm_share = label.shares[0];
  const Share& memory_share = label.shares[1];
  EXPECT_EQ(gemm_share.cause, name(OpFamily::kGemm));
  EXPECT_EQ(memory_share.cause, name(OpFamily::kMemoryBound));
  EXPECT_DOUBLE_EQ(gemm_share.fraction, matrix.time / (matrix.time + bound_by_memory));
  EXPECT_DOUBLE_EQ(gemm_share.fraction + memory_share.fraction, 1.0);
  EXPECT_DOUBLE_EQ(gemm_share.error, matrix.error);
  EXPECT_DOUBLE_EQ(memory_share.error,
                   (sweep.time * sweep.error + rotary.time * rotary.error) / bound_by_memory);
}

TEST(Order, TrafficIsDueToItsSlowerMedium) {
  GraphMaker maker(2);
  maker.profile
      .links[static_cast<std::size_t>(TransferKind::kDispatch)]
            [static_cast<std::size_t>(Medium::kNvlink)]
      .error = 0.25;
  maker.transfer(0, StreamKind::kExpert, {nvlink(0, 1, 10 * MB, 3), nic(0, 1, 7 * MB)});
  maker.transfer(1, StreamKind::kExpert, {nvlink(1, 0, 10 * MB, 3), nic(1, 0, 7 * MB)});
  const Timeline timeline = maker.run();
  ASSERT_EQ(timeline.labels.size(), 1u);  // equal operations share a label
  EXPECT_EQ(timeline.labels[0].name, "move");
  ASSERT_EQ(timeline.labels[0].shares.size(), 1u);
  EXPECT_EQ(timeline.labels[0].shares[0].cause, "nvlink dispatch");
  EXPECT_EQ(timeline.labels[0].shares[0].fraction, 1.0);
  EXPECT_EQ(timeline.labels[0].shares[0].error, 0.25);
}

TEST(Order, ActivitiesAreSegmentsAndFlows) {
  GraphMaker maker(2);
  maker.compute(0, 1 * millisecond);
  maker.transfer(0, StreamKind::kExpert, {nvlink(0, 1, 1 * MB, 3), nic(0, 1, 1 * MB)});
  maker.transfer(1, StreamKind::kExpert, {});
  EXPECT_EQ(maker.run().activities, 3);
}

TEST(Order, EmptyGraphEndsAtOnce) {
  const Timeline timeline = GraphMaker(1).run();
  EXPECT_TRUE(timeline.events.empty());
  EXPECT_EQ(timeline.end.si(), 0.0);
}

TEST(Order, SimulationDoesNotDependOnItsCompany) {
  GraphMaker one(2);
  const Vertex before = one.compute(0, (1.0 / 3.0) * millisecond);
  one.depend(before, one.transfer(0, StreamKind::kNext, {nic(0, 1, 7 * MB)}));
  GraphMaker other(1);
  other.compute(0, 0.7 * second);
  const Timeline alone = one.run();
  const std::vector<Simulation> both = {other.simulation(), one.simulation()};
  const Timeline in_company = simulate(both).at(1);
  ASSERT_EQ(alone.events.size(), in_company.events.size());
  for (std::size_t i = 0; i < alone.events.size(); ++i) {
    EXPECT_EQ(alone.events[i].start, in_company.events[i].start);
    EXPECT_EQ(alone.events[i].end, in_company.events[i].end);
    EXPECT_EQ(alone.events[i].cause, in_company.events[i].cause);
  }
}

TEST(Order, NothingIsPrinted) {
  GraphMaker maker(2);
  maker.compute(0, 1 * millisecond);
  maker.transfer(0, StreamKind::kNext, {nic(0, 1, 7 * MB)});
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  maker.run();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace towtank
