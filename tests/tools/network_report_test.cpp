#include "tools/network_report.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace towtank
