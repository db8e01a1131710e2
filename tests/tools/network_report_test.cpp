#include "tools/network_report.hpp"

#include <set>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tools/commands.hpp"

namespace towtank {
namespace {

Cluster two_nodes() {
  return {.name = "two nodes",
          .gpu = "h100-sxm",
          .nodes = 2,
          .gpus_per_node = 8,
          .nvlink = {.bandwidth = 450 * GB / second, .latency = Seconds()},
          .nic = {.bandwidth = 50 * GB / second, .latency = Seconds()}};
}

NetworkReport answer(const NetworkQuestion& question) {
  return network_report(
      two_nodes(), read_profile(TOWTANK_SOURCE_DIR "/profiles", "h100-sxm"), question);
}

TEST(NetworkReport, CountsBandwidthAsNcclTestsDoes) {
  const NetworkReport report =
      answer({.collectives = {Collective::kAllReduce, Collective::kAllGather},
              .ranks = 16,
              .sizes = {64 * MiB, 1 * GiB},
              .wishes = {}});
  ASSERT_EQ(report.tables.size(), 2U);
  const NetworkRow& reduced = report.tables[0].rows[1];
  EXPECT_NEAR(reduced.algorithm_bandwidth / (reduced.bytes / reduced.time), 1.0, 1e-12);
  EXPECT_NEAR(reduced.bus_bandwidth / reduced.algorithm_bandwidth, 2.0 * 15 / 16, 1e-12);
  const NetworkRow& gathered = report.tables[1].rows[1];
  EXPECT_NEAR(gathered.bus_bandwidth / gathered.algorithm_bandwidth, 15.0 / 16, 1e-12);
  EXPECT_EQ(report.nodes, 2);
  EXPECT_EQ(report.sources.size(), 1U);
}

TEST(NetworkReport, TakesGpusNodeByNode) {
  const NetworkQuestion question{
      .collectives = {Collective::kSendRecv}, .ranks = 8, .sizes = {1 * GiB}, .wishes = {}};
  EXPECT_EQ(answer(question).nodes, 1);
  EXPECT_EQ(answer(question).tables[0].rows[0].limit, "NVLink");
  NetworkQuestion more = question;
  more.ranks = 9;  // a ragged last node
  EXPECT_EQ(answer(more).nodes, 2);
  EXPECT_EQ(answer(more).tables[0].rows[0].limit, "NIC");
}

TEST(NetworkReport, SaysWhyAForcedAlgorithmCannotRun) {
  const NetworkQuestion question{.collectives = {Collective::kAllReduce},
                                 .ranks = 16,
                                 .sizes = {1 * MiB},
                                 .wishes = {.algorithm = Algorithm::kInSwitch}};
  EXPECT_THROW(answer(question), UsageError);
}

TEST(NetworkReport, IsSimulatedOnlyWhereSomethingCanContend) {
  NetworkQuestion question{.collectives = {Collective::kAllReduce, Collective::kAllToAll},
                           .ranks = 16,
                           .sizes = {64 * MiB},
                           .wishes = {}};
  const NetworkReport closed = answer(question);
  question.folding = Folding::kUnfolded;
  const NetworkReport simulated = answer(question);
  for (std::size_t table = 0; table < closed.tables.size(); ++table) {
    const NetworkRow& by_form = closed.tables[table].rows[0];
    const NetworkRow& by_events = simulated.tables[table].rows[0];
    EXPECT_FALSE(by_form.simulation);
    ASSERT_TRUE(by_events.simulation);
    EXPECT_EQ(by_events.simulation->classes, 16);
    EXPECT_NEAR(by_events.time / by_form.time, 1.0, 1e-6);
    EXPECT_NEAR(*by_events.simulation->alone / by_form.time, 1.0, 1e-12);
  }
}

TEST(NetworkReport, NamesTheCardThatLimits) {
  Cluster cluster = two_nodes();
  cluster.faults = {{.gpu = 11, .nic = 0.25}};
  const NetworkReport report = network_report(
      cluster,
      read_profile(TOWTANK_SOURCE_DIR "/profiles", "h100-sxm"),
      {.collectives = {Collective::kAllToAll}, .ranks = 16, .sizes = {1 * GiB}, .wishes = {}});
  const NetworkRow& row = report.tables[0].rows[0];
  EXPECT_EQ(row.limit, "NIC out of GPU 11");
  EXPECT_EQ(row.simulation->gpu, 11);
  EXPECT_GT(row.simulation->busy, 0.95);
  EXPECT_LT(row.simulation->classes, row.simulation->gpus);
}

// Groups are disjoint, stand side by side or between each other, and span what is said.
TEST(GroupMembers, TakeEveryGpuAtMostOnce) {
  const Cluster cluster = two_nodes();
  for (int groups = 1; groups <= 8; ++groups) {
    for (int stride = 1; stride <= 8; ++stride) {
      for (int ranks = 2; gpus_spanned(groups, ranks, stride) <= cluster.gpus(); ++ranks) {
        std::set<int> gpus;
        for (const std::vector<Member>& group : group_members(cluster, groups, ranks, stride)) {
          for (std::size_t i = 0; i < group.size(); ++i) {
            EXPECT_TRUE(gpus.insert(group[i].gpu).second);
            EXPECT_EQ(group[i].gpu, group[0].gpu + static_cast<int>(i) * stride);
          }
        }
        EXPECT_EQ(*gpus.rbegin() + 1, gpus_spanned(groups, ranks, stride));
      }
    }
  }
}

// Cards that are several, shared, or behind a narrow PCIe: folded as every GPU by itself, and alone
// nothing takes longer or shorter than alone.
TEST(NetworkReport, KnowsCardsThatAreNotOneToOne) {
  const Profile profile = read_profile(TOWTANK_SOURCE_DIR "/profiles", "h100-sxm");
  std::vector<FabricSpec> fabrics = {{.nics_per_gpu = 2}, {.gpus_per_nic = 2}, {}};
  fabrics.back().gpu_pcie.bandwidth = 20 * GB / second;
  for (const FabricSpec& fabric : fabrics) {
    Cluster cluster = two_nodes();
    cluster.fabric = fabric;
    NetworkQuestion question{.collectives = {Collective::kAllToAll, Collective::kAllReduce},
                             .ranks = 16,
                             .sizes = {512 * MiB},
                             .wishes = {}};
    const NetworkReport folded = network_report(cluster, profile, question);
    question.folding = Folding::kUnfolded;
    const NetworkReport unfolded = network_report(cluster, profile, question);
    for (std::size_t i = 0; i < folded.tables.size(); ++i) {
      const NetworkRow& row = folded.tables[i].rows.front();
      EXPECT_NEAR(row.time / unfolded.tables[i].rows.front().time, 1.0, 1e-9);
      ASSERT_TRUE(row.simulation && row.simulation->alone);
      EXPECT_NEAR(row.time / *row.simulation->alone, 1.0, 1e-6);
    }
  }
}

// A slow GPU changes nothing, and the report says so; a copy to the hosts does.
TEST(NetworkReport, SaysWhatItDoesNotFeel) {
  const Profile profile = read_profile(TOWTANK_SOURCE_DIR "/profiles", "h100-sxm");
  Cluster cluster = two_nodes();
  cluster.fabric = FabricSpec{.pcie = PcieSpec{.generation = 5, .gpus_per_switch = 1}};
  NetworkQuestion question{.collectives = {Collective::kAllReduce},
                           .ranks = 16,
                           .sizes = {512 * MiB},
                           .wishes = {.algorithm = Algorithm::kRing}};
  const NetworkReport sound = network_report(cluster, profile, question);
  EXPECT_TRUE(sound.notes.empty());
  cluster.faults = {{.gpu = 3, .slowdown = 2.0}};
  const NetworkReport slow = network_report(cluster, profile, question);
  ASSERT_EQ(slow.notes.size(), 1U);
  EXPECT_NE(slow.notes[0].find("slowdown"), std::string::npos);
  const Seconds time = slow.tables[0].rows[0].time;
  EXPECT_NEAR(time / sound.tables[0].rows[0].time, 1.0, 1e-9);
  question.host_copy = 1 * GiB;
  EXPECT_GT(network_report(cluster, profile, question).tables[0].rows[0].time / time, 1.2);
  question.sizes = {8 * byte};
  const NetworkRow small = network_report(cluster, profile, question).tables[0].rows[0];
  EXPECT_LT(small.time / small.simulation->alone.value(), 1.1) << "it does not wait for the copies";
  cluster.fabric->pcie.reset();
  EXPECT_THROW(network_report(cluster, profile, question), InputError);
}

// Switches that the fabric says add are used where they can be, and only there.
TEST(NetworkReport, LetsSwitchesAddWhereTheyCan) {
  const Profile profile = read_profile(TOWTANK_SOURCE_DIR "/profiles", "h100-sxm");
  const auto algorithm = [&](const FabricSpec& fabric, bool wished) {
    Cluster cluster = two_nodes();
    cluster.nodes = 8;
    cluster.fabric = fabric;
    const NetworkQuestion question{.collectives = {Collective::kAllReduce},
                                   .ranks = 64,
                                   .sizes = {64 * MiB},
                                   .wishes = {.in_network = wished}};
    return network_report(cluster, profile, question).tables[0].rows[0].algorithm;
  };
  // Two nodes a leaf.
  FabricSpec leaves{.kind = FabricKind::kFatTree, .radix = 32, .routing = RoutingRule::kAdaptive};
  leaves.adding_tiers = 2;
  EXPECT_EQ(algorithm(leaves, false), "in-network");
  FabricSpec low = leaves;
  low.adding_tiers = 1;  // the groups meet in the spine
  EXPECT_NE(algorithm(low, false), "in-network");
  EXPECT_THROW(algorithm(low, true), InputError);
  FabricSpec none = leaves;
  none.adding_tiers = 0;
  EXPECT_EQ(algorithm(none, false), algorithm(low, false));
  FabricSpec failed = leaves;
  failed.faults = {{.devices = {"node1.nic2"}, .factor = 0.0}};
  EXPECT_NE(algorithm(failed, false), "in-network");
}

TEST(PairsReport, ComparesWithTheFullestPort) {
  ByteMatrix matrix{.size = 16, .bytes = std::vector<Bytes>(256, 1 * MiB)};
  for (std::size_t from = 0; from < 16; ++from) {
    matrix.bytes[from * 16 + 3] = 64 * MiB;  // everybody's favourite
  }
  const PairsReport report = pairs_report(two_nodes(),
                                          read_profile(TOWTANK_SOURCE_DIR "/profiles", "h100-sxm"),
                                          matrix,
                                          "pairs.csv",
                                          {});
  EXPECT_EQ(report.pairs, 240);
  EXPECT_EQ(report.fullest_port, "NIC in of GPU 3");
  EXPECT_NEAR(report.fullest_bytes / (8 * 64 * MiB), 1.0, 1e-12);
  EXPECT_EQ(report.limit, "NIC in of GPU 3");
  EXPECT_GE(report.time, report.bound);
  EXPECT_LT(report.time, report.bound * 1.01);
}

}  // namespace
}  // namespace towtank
