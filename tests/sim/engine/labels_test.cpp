// What the time of a communication is due to.
#include "sim/engine/labels.hpp"

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

std::string cause_of_first_transfer(const GraphMaker& maker) {
  const Simulation simulation = maker.simulation();
  const Labels labels = label_operations(simulation, cost_operations(simulation));
  return labels.labels[static_cast<std::size_t>(labels.of_traffic.front())].shares.front().cause;
}

// Alone, either would be held down by its port at 50 GB/s and not by the wire.
TEST(Labels, BlameAWireForWhatOthersSendThroughIt) {
  EXPECT_EQ(cause_of_first_transfer(through_one_wire(80 * GB / second)), "leaf up dispatch");
  EXPECT_EQ(cause_of_first_transfer(through_one_wire(120 * GB / second)), "nic dispatch");
}

TEST(Labels, BlameAWireForCommunicationsOfOneKindOnly) {
  GraphMaker maker = through_one_wire(80 * GB / second);
  maker.graph.traffics.back().kind = TransferKind::kCombine;
  EXPECT_EQ(cause_of_first_transfer(maker), "nic dispatch");
}

}  // namespace
}  // namespace towtank
