// What the time of a communication is due to.
#include "sim/engine/labels.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/sim/engine/graph_maker.hpp"

namespace towtank {
namespace {

/// Two ranks send through their ports of 50 GB/s and one wire of the fabric.
GraphMaker through_one_wire(Bandwidth capacity) {
  GraphMaker maker(4);
  maker.transfer(0, StreamKind::kExpert, {nic(0, 2, 100 * MB)});
  maker.transfer(1, StreamKind::kExpert, {nic(1, 3, 100 * MB)});
  const int wire = static_cast<int>(maker.graph.wires.size());
  maker.graph.wires.push_back({.name = "leaf up", .medium = Medium::kNic, .capacity = capacity});
  for (Traffic& traffic : maker.graph.traffics) {
    traffic.flows.front().hops.push_back({.wire = wire, .times = 1});
  }
  return maker;
}

/// Of the first operation in the graph.
std::string cause_of_first_transfer(const GraphMaker& maker, Execution execution) {
  const Simulation simulation = maker.simulation();
  const Labels labels = label_operations(simulation, cost_operations(simulation), execution);
  for (std::size_t i = 0; i < execution.completions.size(); ++i) {
    if (execution.completions[i].vertex == 0) {
      return labels.labels[static_cast<std::size_t>(labels.of[i])].shares.front().cause;
    }
  }
  return "";
}

std::string cause_of_first_transfer(const GraphMaker& maker) {
  return cause_of_first_transfer(maker, execute(maker.graph, cost_operations(maker.simulation())));
}

/// As an engine answers that does not tell what held flows down.
std::string guessed_cause_of_first_transfer(const GraphMaker& maker) {
  Execution execution = execute(maker.graph, cost_operations(maker.simulation()));
  for (Completion& completion : execution.completions) {
    completion.held_by = -1;
  }
  return cause_of_first_transfer(maker, std::move(execution));
}

// Alone, either would be held down by its port at 50 GB/s and not by the wire.
TEST(Labels, BlameAWireForWhatOthersSendThroughIt) {
  EXPECT_EQ(cause_of_first_transfer(through_one_wire(80 * GB / second)), "leaf up dispatch");
  EXPECT_EQ(cause_of_first_transfer(through_one_wire(120 * GB / second)), "nic dispatch");
}

TEST(Labels, GuessFromCommunicationsOfOneKindWhereTheEngineDoesNotTell) {
  GraphMaker maker = through_one_wire(80 * GB / second);
  EXPECT_EQ(guessed_cause_of_first_transfer(maker), "leaf up dispatch");
  maker.graph.traffics.back().kind = TransferKind::kCombine;
  EXPECT_EQ(guessed_cause_of_first_transfer(maker), "nic dispatch");
  EXPECT_EQ(cause_of_first_transfer(maker), "leaf up dispatch");
}

/// As through_one_wire(80 GB/s), the second of another kind and of `bytes`. At 40 GB/s each the
/// wire is full while both move; then the first has its port's 50 GB/s.
GraphMaker beside_another_kind(Bytes bytes) {
  GraphMaker maker = through_one_wire(80 * GB / second);
  maker.graph.traffics.back().kind = TransferKind::kCombine;
  maker.graph.traffics.back().flows.front().bytes = bytes;
  return maker;
}

TEST(Labels, BlameTheWireThatHeldATransferDownForMostOfItsTime) {
  // 0.75 ms on the wire and 1.4 ms on the port; 1.75 ms and 0.6 ms.
  EXPECT_EQ(cause_of_first_transfer(beside_another_kind(30 * MB)), "nic dispatch");
  EXPECT_EQ(cause_of_first_transfer(beside_another_kind(70 * MB)), "leaf up dispatch");
  EXPECT_EQ(guessed_cause_of_first_transfer(beside_another_kind(70 * MB)), "nic dispatch");
}

// Half of its bytes are more than half of its time where the wire is slow.
TEST(Labels, GoByTimeNotByBytes) {
  // x on the wire at 40 GB/s, 100 MB - x on the port at 50 GB/s: as long at x = 44.4 MB.
  EXPECT_EQ(cause_of_first_transfer(beside_another_kind(44 * MB)), "nic dispatch");
  EXPECT_EQ(cause_of_first_transfer(beside_another_kind(45 * MB)), "leaf up dispatch");
}

// The other comes and goes twice while the first is under way: 20 MB each time at 40 GB/s, and for
// the rest 60 MB at 50 GB/s; a third time, and the wire has held it down for longer.
TEST(Labels, AddUpTheTimesInWhichAWireHeldATransferDown) {
  for (const int times : {2, 3}) {
    GraphMaker maker = beside_another_kind(20 * MB);
    for (int i = 1; i < times; ++i) {
      const Vertex pause = maker.compute(1, 0.1 * millisecond);
      maker.depend(maker.graph.streams[1][static_cast<std::size_t>(StreamKind::kExpert)].back(),
                   pause);
      const Vertex again = maker.add(
          {.work = Node::Work::kTraffic, .index = 1, .rank = 1, .stream = StreamKind::kExpert});
      maker.depend(pause, again);
    }
    EXPECT_EQ(cause_of_first_transfer(maker), times == 2 ? "nic dispatch" : "leaf up dispatch");
  }
}

// Two transfers of each kind, as four ranks and as two that stand for two each: what holds them
// down is the wire, of which the folded flow takes two shares.
TEST(Labels, NameTheSameWireFoldedAndUnfolded) {
  GraphMaker whole(8);
  GraphMaker folded(4);
  const auto add_wire = [](GraphMaker& maker) {
    maker.graph.wires.push_back(
        {.name = "leaf up", .medium = Medium::kNic, .capacity = 160 * GB / second});
    return static_cast<int>(maker.graph.wires.size()) - 1;
  };
  for (int rank = 0; rank < 4; ++rank) {
    whole.transfer(rank, StreamKind::kExpert, {nic(rank, rank + 4, (rank < 2 ? 100 : 70) * MB)});
  }
  folded.transfer(0, StreamKind::kExpert, {nic(0, 2, 100 * MB)});
  folded.transfer(1, StreamKind::kExpert, {nic(1, 3, 70 * MB)});
  for (GraphMaker* const maker : {&whole, &folded}) {
    const int wire = add_wire(*maker);
    for (std::size_t i = 0; i < maker->graph.traffics.size(); ++i) {
      Traffic& traffic = maker->graph.traffics[i];
      traffic.flows.front().hops.push_back({.wire = wire, .times = maker == &folded ? 2 : 1});
      traffic.kind =
          2 * i < maker->graph.traffics.size() ? TransferKind::kDispatch : TransferKind::kCombine;
    }
    EXPECT_EQ(cause_of_first_transfer(*maker), "leaf up dispatch");
    EXPECT_EQ(guessed_cause_of_first_transfer(*maker), "nic dispatch");
  }
}

// Both are full, whichever was seen to be first.
TEST(Labels, BlameThePortWhereAWireOfTheFabricIsNoNarrower) {
  EXPECT_EQ(cause_of_first_transfer(through_one_wire(100 * GB / second)), "nic dispatch");
}

}  // namespace
}  // namespace towtank
