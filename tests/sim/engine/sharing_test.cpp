// How flows share the ports of the ranks.
#include <gtest/gtest.h>

#include "tests/sim/engine/graph_maker.hpp"

namespace towtank {
namespace {

constexpr double kTolerance = 1e-10;  // seconds; a byte takes 2e-11 on the NIC
constexpr StreamKind kOne = StreamKind::kExpert;
constexpr StreamKind kOther = StreamKind::kNext;

LinkEfficiency& dispatch_link(GraphMaker& maker, Medium medium) {
  return maker.profile
      .links[static_cast<std::size_t>(TransferKind::kDispatch)][static_cast<std::size_t>(medium)];
}

TEST(Sharing, LoneTransferTakesLatencyAndStartUpAndBytesOverBandwidth) {
  GraphMaker maker(2);
  maker.cluster.nic.latency = 3 * microsecond;
  LinkEfficiency& link = dispatch_link(maker, Medium::kNic);
  link.alone = 0.8;
  link.shared = 0.5;
  link.start_up = 7 * microsecond;
  maker.transfer(0, kOne, {nic(0, 1, 20 * MB)});
  const Timeline timeline = maker.run();
  EXPECT_NEAR(timeline.end.si(), 10e-6 + 20e6 / (0.8 * 50e9), kTolerance);
  EXPECT_EQ(timeline.events.at(0).start, 0.0);
}

TEST(Sharing, TransferBesideComputeUsesTheSharedEfficiency) {
  GraphMaker maker(2);
  dispatch_link(maker, Medium::kNic).alone = 0.8;
  dispatch_link(maker, Medium::kNic).shared = 0.5;
  maker.transfer(0, kOne, {nic(0, 1, 20 * MB)});
  maker.graph.traffics.back().shares_gpu = true;
  EXPECT_NEAR(maker.run().end.si(), 20e6 / (0.5 * 50e9), kTolerance);
}

TEST(Sharing, SlowestStartOfATrafficDelaysAllItsFlows) {
  GraphMaker maker(2);
  maker.cluster.nvlink.latency = 1 * microsecond;
  maker.cluster.nic.latency = 5 * microsecond;
  maker.transfer(0, kOne, {nvlink(0, 1, 20 * MB), nic(0, 1, 1 * KB)});
  EXPECT_NEAR(maker.run().end.si(), 5e-6 + 20e6 / 200e9, kTolerance);
}

TEST(Sharing, TwoFlowsShareAPortEqually) {
  GraphMaker maker(3);
  maker.transfer(0, kOne, {nic(0, 1, 10 * MB)});
  maker.transfer(0, kOther, {nic(0, 2, 30 * MB)});
  const Timeline timeline = maker.run();
  // Half the port each until the short one has ended, then all of it for the long one.
  EXPECT_NEAR(only_event(timeline, 0, kOne).end, 20e6 / 50e9, kTolerance);
  EXPECT_NEAR(only_event(timeline, 0, kOther).end, 40e6 / 50e9, kTolerance);
}

TEST(Sharing, ReceiversPortIsSharedToo) {
  GraphMaker maker(3);
  maker.transfer(0, kOne, {nic(0, 2, 10 * MB)});
  maker.transfer(1, kOne, {nic(1, 2, 10 * MB)});
  EXPECT_NEAR(maker.run().end.si(), 20e6 / 50e9, kTolerance);
}

TEST(Sharing, UnequalLatenciesDoNotChangeTheShares) {
  GraphMaker maker(3);
  maker.cluster.nic.latency = 40 * microsecond;
  auto& links = maker.profile.links;
  links[static_cast<std::size_t>(TransferKind::kCombine)][static_cast<std::size_t>(Medium::kNic)]
      .start_up = 60 * microsecond;
  maker.transfer(0, kOne, {nic(0, 1, 10 * MB)});
  maker.transfer(0, kOther, {nic(0, 2, 10 * MB)});
  maker.graph.traffics.back().kind = TransferKind::kCombine;
  const Timeline timeline = maker.run();
  // The first flow is alone for 60 us (3 MB); what is left of it shares the port with the second.
  EXPECT_NEAR(only_event(timeline, 0, kOne).end, 100e-6 + 14e6 / 50e9, kTolerance);
  EXPECT_NEAR(only_event(timeline, 0, kOther).end, 100e-6 + 17e6 / 50e9, kTolerance);
}

TEST(Sharing, SevenCopiesBesideAPlainFlowTakeSevenEighths) {
  GraphMaker maker(3);
  maker.transfer(0, kOne, {nic(0, 1, 10 * MB, 7)});
  maker.transfer(0, kOther, {nic(0, 2, 5 * MB)});
  const Timeline timeline = maker.run();
  EXPECT_NEAR(only_event(timeline, 0, kOther).end, 5e6 / (50e9 / 8), kTolerance);
  EXPECT_NEAR(only_event(timeline, 0, kOne).end, 75e6 / 50e9, kTolerance);
}

TEST(Sharing, CopiesOfDifferentNumbersShareByCopy) {
  GraphMaker maker(3);
  maker.transfer(0, kOne, {nic(0, 1, 10 * MB, 3)});
  maker.transfer(0, kOther, {nic(0, 1, 20 * MB, 2)});
  const Timeline timeline = maker.run();
  EXPECT_NEAR(only_event(timeline, 0, kOne).end, 10e6 * 5 / 50e9, kTolerance);
  EXPECT_NEAR(only_event(timeline, 0, kOther).end, (30e6 + 40e6) / 50e9, kTolerance);
}

/// An all-to-all of 8 ranks beside which rank 0's port also carries another transfer of its own.
GraphMaker unfolded_all_to_all() {
  GraphMaker maker(8);
  for (int rank = 0; rank < 8; ++rank) {
    std::vector<Flow> flows;
    for (int peer = 0; peer < 8; ++peer) {
      if (peer != rank) {
        flows.push_back(nic(rank, peer, 3 * MB));
      }
    }
    maker.transfer(rank, kOne, flows);
    maker.transfer(rank, kOther, {nic(rank, (rank + 1) % 8, 2 * MB)});
  }
  return maker;
}

TEST(Sharing, CopiesAreTheFoldedFormOfFlowsToManyPeers) {
  GraphMaker folded(1);
  folded.transfer(0, kOne, {nic(0, 0, 3 * MB, 7)});
  folded.transfer(0, kOther, {nic(0, 0, 2 * MB)});
  const Timeline one = folded.run();
  const Timeline all = unfolded_all_to_all().run();
  for (int rank = 0; rank < 8; ++rank) {
    for (const StreamKind stream : {kOne, kOther}) {
      EXPECT_NEAR(only_event(all, rank, stream).end, only_event(one, 0, stream).end, kTolerance);
    }
  }
  for (const Medium medium : {Medium::kNvlink, Medium::kNic}) {
    for (const PortSide side : {PortSide::kOut, PortSide::kIn}) {
      const auto wire = static_cast<std::size_t>(port(0, medium, side));
      EXPECT_DOUBLE_EQ(one.links.at(wire).carried.si(), all.links.at(wire).carried.si());
    }
  }
  EXPECT_NEAR(only_event(one, 0, kOther).end, 2e6 / (50e9 / 8), kTolerance);
  EXPECT_NEAR(one.end.si(), 23e6 / 50e9, kTolerance);
}

TEST(Sharing, OppositeDirectionsDoNotDisturbEachOther) {
  GraphMaker maker(2);
  maker.transfer(0, kOne, {nic(0, 1, 10 * MB)});
  maker.transfer(1, kOne, {nic(1, 0, 10 * MB)});
  EXPECT_NEAR(maker.run().end.si(), 10e6 / 50e9, kTolerance);
}

TEST(Sharing, NvlinkAndNicDoNotDisturbEachOther) {
  GraphMaker maker(2);
  maker.transfer(0, kOne, {nic(0, 1, 10 * MB)});
  maker.transfer(0, kOther, {nvlink(0, 1, 10 * MB)});
  const Timeline timeline = maker.run();
  EXPECT_NEAR(only_event(timeline, 0, kOne).end, 10e6 / 50e9, kTolerance);
  EXPECT_NEAR(only_event(timeline, 0, kOther).end, 10e6 / 200e9, kTolerance);
}

TEST(Sharing, TrafficEndsWithItsLastFlow) {
  GraphMaker maker(2);
  maker.transfer(0, kOne, {nvlink(0, 1, 10 * MB), nic(0, 1, 10 * MB)});
  EXPECT_NEAR(maker.run().end.si(), 10e6 / 50e9, kTolerance);
}

TEST(Sharing, TimesOfALongStepDoNotDrift) {
  constexpr int kTransfers = 10000;
  GraphMaker maker(2);
  maker.cluster.nic.latency = 3 * microsecond;
  for (int i = 0; i < kTransfers; ++i) {
    maker.transfer(0, kOne, {nic(0, 1, 70 * MB)});
  }
  const double expected = kTransfers * (3e-6 + 70e6 / 50e9);
  EXPECT_NEAR(maker.run().end.si(), expected, 1e-11 * expected);
}

TEST(Sharing, TrafficWithoutPeersTakesNoTime) {
  GraphMaker maker(1);
  maker.cluster.nic.latency = 1 * millisecond;
  const Vertex before = maker.compute(0, 1 * millisecond);
  const Vertex nothing = maker.transfer(0, kOne, {});
  maker.depend(before, nothing);
  const Event event = only_event(maker.run(), 0, kOne);
  EXPECT_NEAR(event.start, 1e-3, kTolerance);
  EXPECT_EQ(event.end, event.start);
}

TEST(Sharing, LinksReportWhatTheyCarriedOverheadIncluded) {
  GraphMaker maker(2);
  dispatch_link(maker, Medium::kNvlink).alone = 0.5;
  maker.transfer(1, kOne, {nvlink(1, 0, 10 * MB, 3), nic(1, 0, 4 * MB)});
  const Timeline timeline = maker.run();
  ASSERT_EQ(timeline.links.size(), 8u);
  for (const LinkUse& link : timeline.links) {
    const bool used = link.name.ends_with(link.rank == 1 ? "out" : "in");
    const double expected = !used ? 0.0 : link.medium == Medium::kNvlink ? 60e6 : 4e6;
    EXPECT_DOUBLE_EQ(link.carried.si(), expected);
    EXPECT_EQ(link.capacity.si(), link.medium == Medium::kNvlink ? 200e9 : 50e9);
  }
}

}  // namespace
}  // namespace towtank
