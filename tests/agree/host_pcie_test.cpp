// Network traffic and copies to and from hosts over the PCIe links that they share.
#include <algorithm>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/graph/port_speeds.hpp"
#include "tests/agree/small_collective.hpp"

namespace towtank {
namespace {

constexpr double kSame = 1e-9;

/// Two nodes of 4 GPUs with a 50 GB/s card each.
Cluster with_pcie(PcieSpec pcie) {
  Cluster cluster = round_cluster(2, 4);
  cluster.nic.bandwidth = 50 * GB / second;
  cluster.fabric = FabricSpec{.kind = FabricKind::kNonblocking, .pcie = pcie};
  return cluster;
}

GroupCall pairs() {
  const CollectiveCall call{
      .kind = Collective::kAllToAll, .bytes = 240 * MB, .members = even_members(2, 4)};
  GroupCall group = round_call(Algorithm::kDirect, call);
  group.cost.nic = 1.0;
  group.cost.nic_hop = {};
  group.cost.nic_start_up = {};
  group.cost.start_up = {};
  return group;
}

void copy_to_hosts(GroupCall& group, Bytes bytes) {
  for (int member = 0; member < group.movement.members; ++member) {
    group.movement.host_copies.push_back({.member = member, .to_host = true, .bytes = bytes});
  }
}

TEST(HostPcie, CarriesWhatWasMeasured) {
  EXPECT_NEAR(payload_bandwidth({.generation = 4}) / (26.3 * GB / second), 1.0, 0.01);
  EXPECT_NEAR(payload_bandwidth({.generation = 5}) / (51.5 * GB / second), 1.0, 0.025);
  EXPECT_NEAR(payload_bandwidth({.generation = 5, .lanes = 8}) /
                  payload_bandwidth({.generation = 4, .lanes = 16}),
              1.0,
              kSame);
}

TEST(HostPcie, ThatIsSlowerThanTheCardLimitsItsGpu) {
  const GroupCall group = pairs();
  const CollectiveRun fast = run_on(with_pcie({.generation = 5}), {group});
  const CollectiveRun slow = run_on(with_pcie({.generation = 4}), {group});
  EXPECT_EQ(fullest_wire(fast)->name.substr(0, 3), "nic");
  EXPECT_EQ(fullest_wire(slow)->name.substr(0, 4), "PCIe");
  // Half of what a GPU sends leaves its node.
  EXPECT_NEAR(
      (slow.time - slow.latency) / (120 * MB / payload_bandwidth({.generation = 4})), 1.0, kSame);
  EXPECT_NEAR(port_speeds(with_pcie({.generation = 4})).nic / payload_bandwidth({.generation = 4}),
              1.0,
              kSame);
}

// Without network traffic two GPUs of a switch share its uplink; with an uplink of its own each is
// as fast as its link.
TEST(HostPcie, UplinkIsSharedByTheGpusOfASwitch) {
  for (const int gpus : {1, 2, 4}) {
    const PcieSpec pcie{.generation = 5, .lanes = 16, .gpus_per_switch = gpus};
    GroupCall copies = pairs();
    copies.movement.phases.front().exchanges.clear();
    copies.movement.phases.front().hops = {};
    copy_to_hosts(copies, 120 * MB);
    const CollectiveRun run = run_on(with_pcie(pcie), {copies});
    const Seconds alone_time = 120 * MB * gpus / payload_bandwidth(pcie);
    EXPECT_NEAR(run.copied / alone_time, 1.0, kSame);
    EXPECT_EQ(run.classes, 1);
  }
}

// A copy takes bandwidth from the card's traffic out of the same GPU, and none from what comes in.
TEST(HostPcie, CopiesContendWithTheNetwork) {
  const PcieSpec pcie{.generation = 4, .gpus_per_switch = 1};
  GroupCall both = pairs();
  copy_to_hosts(both, 120 * MB);
  const CollectiveRun run = run_on(with_pcie(pcie), {both});
  EXPECT_EQ(fullest_wire(run)->name, "PCIe out");
  EXPECT_NEAR(std::max(run.time, run.copied) / (240 * MB / payload_bandwidth(pcie)), 1.0, kSame);
}

// The copy is one flow beside the four to the other node, however long it is.
TEST(HostPcie, CopiesDelayACallByWhatTheyTakeFromItAlone) {
  const Cluster cluster = with_pcie({.generation = 4, .gpus_per_switch = 1});
  const CollectiveRun alone = run_on(cluster, {pairs()});
  GroupCall both = pairs();
  copy_to_hosts(both, 1 * GB);
  const CollectiveRun first = run_on(cluster, {both});
  both.movement.host_copies.clear();
  copy_to_hosts(both, 10 * GB);
  const CollectiveRun second = run_on(cluster, {both});
  EXPECT_NEAR((first.time - first.latency) / (alone.time - alone.latency), 1.25, kSame);
  EXPECT_NEAR(second.time / first.time, 1.0, kSame);
  EXPECT_GT(second.copied / first.copied, 5.0);
  EXPECT_LE(utilisation(*fullest_wire(second), second), 1.0 + kSame);
}

// The steps of a collective wait for each other, and for no copy.
TEST(HostPcie, NoPhaseWaitsForACopy) {
  const PcieSpec pcie{.generation = 5, .gpus_per_switch = 1};
  const CollectiveCall call{
      .kind = Collective::kAllReduce, .bytes = 8 * byte, .members = even_members(2, 4)};
  GroupCall steps = round_call(Algorithm::kHalvingDoubling, call);
  ASSERT_GT(steps.movement.phases.size(), 1U);
  const CollectiveRun alone = run_on(with_pcie(pcie), {steps});
  copy_to_hosts(steps, 1 * GiB);
  const CollectiveRun beside = run_on(with_pcie(pcie), {steps});
  EXPECT_NEAR(beside.time / alone.time, 1.0, 1e-3);
  EXPECT_GT(beside.copied / beside.time, 10.0);
}

TEST(HostPcie, IsFoldedExactly) {
  int split = 0;
  for (const int gpus_per_switch : {1, 2, 4}) {
    for (const double health : {1.0, 0.5}) {
      Cluster cluster = with_pcie({.generation = 4, .gpus_per_switch = gpus_per_switch});
      if (health < 1.0) {
        cluster.fabric->faults = {{.devices = {"node1.gpu2"}, .factor = health}};
        cluster.fabric->faults.front().devices.push_back("node1.pcie" +
                                                         std::to_string(2 / gpus_per_switch));
      }
      GroupCall group = pairs();
      copy_to_hosts(group, 77 * MB);
      const CollectiveRun folded = run_on(cluster, {group});
      const CollectiveRun whole = run_on(cluster, {group}, Folding::kUnfolded);
      EXPECT_NEAR(folded.time / whole.time, 1.0, kSame);
      EXPECT_LT(folded.classes, whole.classes);
      split += folded.classes > 1 ? 1 : 0;
    }
  }
  EXPECT_EQ(split, 3) << "where a link is slow";
}

// The links of one GPU are slower through a fault of the fabric: it is not like the others.
TEST(FabricFaults, OfOneGpusLinksTellItApart) {
  for (const bool nvlink : {true, false}) {
    Cluster cluster = round_cluster(2, 8);
    cluster.fabric = FabricSpec{.kind = FabricKind::kNonblocking, .node = NodeKind::kHgx};
    cluster.fabric->faults = {
        {.devices = {"node0.gpu3", nvlink ? "node0.nvswitch1" : "node0.pcie1"},
         .factor = nvlink ? 0.0 : 0.1}};
    const CollectiveCall call{
        .kind = Collective::kAllReduce, .bytes = 240 * MB, .members = even_members(2, 8)};
    const GroupCall group = round_call(Algorithm::kRing, call);
    const CollectiveRun folded = run_on(cluster, {group});
    const CollectiveRun whole = run_on(cluster, {group}, Folding::kUnfolded);
    EXPECT_NEAR(folded.time / whole.time, 1.0, kSame);
    EXPECT_GT(folded.classes, 1);
    EXPECT_LT(folded.classes, whole.classes);
  }
}

TEST(HostPcie, MustBeDescribedForCopies) {
  Cluster cluster = with_pcie({});
  cluster.fabric->pcie.reset();
  GroupCall group = pairs();
  copy_to_hosts(group, 1 * MB);
  EXPECT_THROW(run_on(cluster, {group}), InputError);
}

}  // namespace
}  // namespace towtank
