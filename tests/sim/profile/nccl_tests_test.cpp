#include "sim/profile/tables/nccl_tests.hpp"

#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What a printed test is about; how the columns of its rows are filled.
struct Printed {
  std::string test = "all_reduce_perf";
  std::string redop = "sum";
  int root = -1;
  double factor = 1.75;  // busbw over algbw
  int ranks = 8;
  int hosts = 1;
  std::string type = "bfloat16";
  bool named = true;  // as newer versions do
};

std::string head(const Printed& printed) {
  std::string text = printed.named ? fmt::format(
                                         "# nccl-tests version 2.17.2 nccl-headers=22803 "
                                         "nccl-library=22703\n# Collective test starting: {}\n",
                                         printed.test)
                                   : "";
  text +=
      "# nThread 1 nGpus 1 minBytes 8 maxBytes 8589934592 step: 2(factor) warmup iters: 5 iters: "
      "20 agg iters: 1 validation: 1 graph: 0\n#\n# Using devices\n";
  for (int rank = 0; rank < printed.ranks; ++rank) {
    text += fmt::format(
        "#  Rank {:2} Group  0 Pid {:6} on    node-{} device {:2} [0x{:02x}] NVIDIA H100 80GB "
        "HBM3\n",
        rank,
        4000 + rank,
        rank * printed.hosts / printed.ranks,
        rank % 8,
        16 * rank);
  }
  return text +
         "#\n#                                                              out-of-place           "
         "            in-place          \n"
         "#       size         count      type   redop    root     time   algbw   busbw #wrong     "
         "time   algbw   busbw #wrong\n"
         "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            "
         "(us)  (GB/s)  (GB/s)       \n";
}

std::string row(const Printed& printed, long bytes, double us) {
  const double algbw = static_cast<double>(bytes) / us / 1e3;
  return fmt::format(
      "{:12} {:12} {:>9} {:>6} {:6} {:8.2f} {:7.2f} {:7.2f} {:>6} {:8.2f} {:7.2f} {:7.2f} {:>6}\n",
      bytes,
      bytes / 2,
      printed.type,
      printed.redop,
      printed.root,
      us,
      algbw,
      algbw * printed.factor,
      0,
      us + 1.0,
      static_cast<double>(bytes) / (us + 1.0) / 1e3,
      static_cast<double>(bytes) / (us + 1.0) / 1e3 * printed.factor,
      0);
}

std::string tail() {
  return "# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 152.25 \n#\n";
}

std::string rows(const Printed& printed) {
  std::string text;
  for (long bytes = 8; bytes <= (1L << 30); bytes *= 8) {
    text += row(printed, bytes, 17.5 + static_cast<double>(bytes) / 270e3);
  }
  return text;
}

std::string output(const Printed& printed) {
  return head(printed) + rows(printed) + tail();
}

std::string mistakes_in(const std::string& text, const std::string& file = "log.txt") {
  try {
    read_nccl_tests(text, file);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::set<OpKind> kinds(const SampleTable& table) {
  std::set<OpKind> kinds;
  for (const Sample& sample : table.samples) {
    kinds.insert(sample.op.kind);
  }
  return kinds;
}

TEST(NcclTests, AreReadWithRanksNodesDeviceAndVersion) {
  const std::string text =
      "# nccl-tests version 2.17.2 nccl-headers=22803 nccl-library=22703\n"
      "# Collective test starting: all_reduce_perf\n"
      "# nThread 1 nGpus 1 minBytes 1048576 maxBytes 8388608 step: 8(factor) warmup iters: 5 "
      "iters: 20 agg iters: 1 validation: 1 graph: 0\n"
      "#\n"
      "# Using devices\n"
      "#  Rank  0 Group  0 Pid 101 on  alpha device  0 [0000:1b:00] NVIDIA H100 80GB HBM3\n"
      "#  Rank  1 Group  0 Pid 102 on  alpha device  1 [0000:43:00] NVIDIA H100 80GB HBM3\n"
      "#  Rank  2 Group  0 Pid 301 on   beta device  0 [0000:1b:00] NVIDIA H100 80GB HBM3\n"
      "#  Rank  3 Group  0 Pid 302 on   beta device  1 [0000:43:00] NVIDIA H100 80GB HBM3\n"
      "#\n"
      "#       size         count      type   redop    root     time   algbw   busbw  #wrong     "
      "time   algbw   busbw  #wrong \n"
      "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)             "
      "(us)  (GB/s)  (GB/s)         \n"
      "     1048576        262144     float     sum      -1    64.00   16.38   24.58       0    "
      "63.00   16.64   24.97       0\n"
      "     8388608       2097152     float     sum      -1    215.1   39.00   58.50       0    "
      "214.9   39.04   58.55       0\n"
      "# Out of bounds values : 0 OK\n"
      "# Avg bus bandwidth    : 41.6493 \n"
      "#\n"
      "# Collective test concluded: all_reduce_perf\n";
  const SampleTable table = read_nccl_tests(text, "log.txt");
  EXPECT_EQ(table.kind, "nccl-tests");
  EXPECT_EQ(table.device, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(table.version, "2.27.3");
  EXPECT_THAT(table.skipped, IsEmpty());
  ASSERT_THAT(table.samples, SizeIs(2));
  const Op op = {.kind = OpKind::kAllReduce,
                 .precision = Precision::kFp32,
                 .shape = CollectiveShape{.ranks = 4, .nodes = 2, .bytes = 8388608}};
  EXPECT_EQ(table.samples[1].op, op);
  EXPECT_EQ(table.samples[1].library, "nccl");
  EXPECT_EQ(table.samples[1].line, 14U);
  EXPECT_DOUBLE_EQ(table.samples[1].time / microsecond, 215.1);  // out of place
}

TEST(NcclTests, OfEveryModelledCollectiveAreRecognisedByTheirOwnNameOrTheFiles) {
  struct Case {
    Printed printed;
    OpKind kind;
  };
  const std::vector<Case> cases = {
      {{.test = "all_reduce_perf"}, OpKind::kAllReduce},
      {{.test = "all_gather_perf", .redop = "none", .factor = 0.875}, OpKind::kAllGather},
      {{.test = "reduce_scatter_perf", .factor = 0.875}, OpKind::kReduceScatter},
      {{.test = "alltoall_perf", .redop = "none", .factor = 0.875}, OpKind::kAllToAll},
      {{.test = "sendrecv_perf", .factor = 1.0}, OpKind::kSendRecv},
      {{.test = "broadcast_perf", .redop = "none", .root = 0, .factor = 1.0}, OpKind::kBroadcast}};
  for (const Case& one : cases) {
    EXPECT_THAT(kinds(read_nccl_tests(output(one.printed), "log.txt")), ElementsAre(one.kind))
        << one.printed.test;
    Printed unnamed = one.printed;
    unnamed.named = false;
    const std::string file = "runs.d/h100-" + unnamed.test + ".log";
    EXPECT_THAT(kinds(read_nccl_tests(output(unnamed), file)), ElementsAre(one.kind)) << file;
  }
}

TEST(NcclTests, WithoutANameAreRecognisedByOperatorRootAndBandwidthRatio) {
  const Printed all_reduce = {.factor = 1.75, .named = false};
  EXPECT_THAT(kinds(read_nccl_tests(output(all_reduce), "log.txt")),
              ElementsAre(OpKind::kAllReduce));
  const Printed reduce_scatter = {.factor = 0.875, .named = false};
  EXPECT_THAT(kinds(read_nccl_tests(output(reduce_scatter), "log.txt")),
              ElementsAre(OpKind::kReduceScatter));
  const Printed broadcast = {.redop = "none", .root = 0, .factor = 1.0, .named = false};
  EXPECT_THAT(kinds(read_nccl_tests(output(broadcast), "log.txt")),
              ElementsAre(OpKind::kBroadcast));
}

TEST(NcclTests, ThatCanBeTwoCollectivesAreRefusedWithTheWayOut) {
  const Printed gathering = {.redop = "none", .factor = 0.875, .named = false};
  EXPECT_THAT(
      mistakes_in(output(gathering)),
      HasSubstr("log.txt:16: these rows can be of all_gather_perf and alltoall_perf\n  hint: "
                "name the file after the test"));
  const Printed pair = {.factor = 1.0, .ranks = 2, .named = false};  // 2 (n-1)/n is 1 as well
  EXPECT_THAT(mistakes_in(output(pair)), HasSubstr("all_reduce_perf and sendrecv_perf"));
}

TEST(NcclTests, WhoseBandwidthsBelieTheirNameAreRefused) {
  const Printed printed = {.factor = 0.875, .named = false};
  EXPECT_THAT(mistakes_in(output(printed), "all_reduce_perf.txt"),
              HasSubstr("as for all_reduce_perf of 8 ranks"));
}

TEST(NcclTests, OfCollectivesThatAreNotModelledAreRefused) {
  const Printed printed = {.test = "reduce_perf", .root = 0, .factor = 1.0};
  EXPECT_THAT(mistakes_in(output(printed)), HasSubstr("reduce_perf: this collective is not model"));
}

TEST(NcclTests, OneAfterTheOtherAreAllRead) {
  const Printed first = {};
  const Printed second = {
      .test = "alltoall_perf", .redop = "none", .factor = 15.0 / 16.0, .ranks = 16, .hosts = 2};
  const SampleTable table = read_nccl_tests(output(first) + output(second), "both.log");
  EXPECT_THAT(kinds(table), ElementsAre(OpKind::kAllReduce, OpKind::kAllToAll));
  const CollectiveShape shape = std::get<CollectiveShape>(table.samples.back().op.shape);
  EXPECT_EQ(shape.ranks, 16);
  EXPECT_EQ(shape.nodes, 2);
}

TEST(NcclTests, SkipRowsThatSayNothing) {
  const Printed printed = {};
  const std::string size = "         128           64  bfloat16    sum     -1";
  const std::string text =
      head(printed) + size + "    17.00    0.01    0.01      3    17.00    0.01    0.01      0\n" +
      size + "      N/A     N/A     N/A    N/A      N/A     N/A     N/A    N/A\n" + size +
      "      N/A     N/A     N/A    N/A    20.00    0.01    0.01      0\n" + size +
      "    17.00    0.01    0.01    N/A    17.00    0.01    0.01    N/A\n" +
      "           0            0  bfloat16    sum     -1     0.18    0.00    0.00      0     0.17"
      "    0.00    0.00      0\n" +
      "         128           16    double    sum     -1    17.00    0.01    0.01      0    17.00"
      "    0.01    0.01      0\n" +
      tail();
  const SampleTable table = read_nccl_tests(text, "log.txt");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_DOUBLE_EQ(table.samples[0].time / microsecond, 20.0);  // in place: nothing else was run
  EXPECT_DOUBLE_EQ(table.samples[1].time / microsecond, 17.0);  // unchecked is not wrong
  std::vector<std::string> reasons;
  for (const SkippedRows& skipped : table.skipped) {
    EXPECT_EQ(skipped.rows, 1U);
    reasons.push_back(skipped.reason);
  }
  EXPECT_THAT(reasons,
              ElementsAre("nccl-tests found the result wrong",
                          "no time (N/A)",
                          "no data was moved",
                          "element type double"));
}

TEST(NcclTests, WithTagsOfTheLauncherAndMessagesOfNcclAreRead) {
  const Printed printed = {};
  const std::string plain = head(printed) + row(printed, 1048576, 30.0) +
                            "node-0:4000:4000 [0] NCCL INFO comm 0x55 nranks 8 - Init COMPLETE\n" +
                            row(printed, 8388608, 60.0) + tail() + "done in 3 s\n";
  std::string tagged = "[1,0]<stdout>:";
  for (const char c : plain) {
    tagged += c;
    tagged += c == '\n' ? "[1,0]<stdout>:" : "";
  }
  EXPECT_THAT(read_nccl_tests(plain, "log.txt").samples, SizeIs(2));
  EXPECT_THAT(read_nccl_tests(tagged, "log.txt").samples, SizeIs(2));
}

TEST(NcclTests, NameTheLineOfEveryDamagedRow) {
  const Printed printed = {};
  const std::string text = head(printed) + row(printed, 1048576, 30.0) +
                           "     8388608      4194304  bfloat16    sum     -1    60.00\n" +
                           "    x8388608      4194304  bfloat16    sum     -1    60.00  139.81  "
                           "244.67      0    60.00  139.81  244.67      0\n" +
                           "     8388608      4194304  bfloat16    sum     -1    60.00  193.81  "
                           "244.67      0    60.00  139.81  244.67      0\n" +
                           "     8388608      4194304  bfloat16    sum     -1    -6.00  139.81  "
                           "244.67      0    60.00  139.81  244.67      0\n" +
                           "     8388608      4194304  bfloat16    sum    one    60.00  139.81  "
                           "244.67      0    60.00  139.81  244.67      0\n";
  const std::string message = mistakes_in(text);
  EXPECT_THAT(message, HasSubstr("log.txt:19: 6 columns, where the header has 13"));
  EXPECT_THAT(message, HasSubstr("log.txt:20: 'x8388608' is no size in bytes"));
  EXPECT_THAT(message, HasSubstr("log.txt:21: 8388608 B in 60.00 us are 139.81 GB/s, not 193.81"));
  EXPECT_THAT(message, HasSubstr("log.txt:22: time '-6.00'"));
  EXPECT_THAT(message, HasSubstr("log.txt:23: 'one' is no rank"));
}

TEST(NcclTests, NeedTheirRanksEvenlyOnHosts) {
  const std::string table = rows({});
  const std::string columns =
      "# size count type redop root time algbw busbw #wrong time algbw busbw #wrong\n";
  EXPECT_THAT(mistakes_in(columns + table), HasSubstr("no line names the ranks"));
  EXPECT_THAT(mistakes_in(output({.ranks = 1})), HasSubstr("one rank has nobody to talk to"));
  EXPECT_THAT(mistakes_in(output({.ranks = 8, .hosts = 3})),
              HasSubstr("8 ranks lie unevenly on 3 hosts"));
  const std::string rank = "#  Rank  0 Group  0 Pid 1 on node-0 device 0 [0x07] NVIDIA A100\n";
  EXPECT_THAT(mistakes_in(rank + rank + columns + table), HasSubstr(":2: rank 0 is listed twice"));
  EXPECT_THAT(mistakes_in("#  Rank  5 Group  0 Pid 1 on node-0 device 0 [0x07] NVIDIA A100\n" +
                          rank + columns + table),
              HasSubstr("the list of ranks has gaps"));
  EXPECT_THAT(mistakes_in("#  Rank  1 Group  1 Pid 1 on node-0 device 0 [0x07] NVIDIA A100\n" +
                          rank + columns + table),
              HasSubstr("several groups ran side by side"));
  EXPECT_THAT(
      mistakes_in(rank + "#  Rank  1 Group  0 Pid 1 on node-0 device 0 [0x08] NVIDIA H100\n" +
                  columns + table),
      HasSubstr("rank on NVIDIA H100, others on NVIDIA A100"));
  EXPECT_THAT(mistakes_in("#  Rank  x Group  0 Pid 1\n" + rank + columns + table),
              HasSubstr("log.txt:1: this line names no rank and host"));
}

TEST(NcclTests, WithoutATableAreRefused) {
  EXPECT_THAT(mistakes_in(""), HasSubstr("no table of nccl-tests here"));
  EXPECT_THAT(mistakes_in("mpirun was unable to launch\n"), HasSubstr("no table of nccl-tests"));
  EXPECT_THAT(mistakes_in("# size count time\n8 4 1.0\n"),
              HasSubstr("log.txt:1: this header of nccl-tests lacks a column"));
  EXPECT_THAT(mistakes_in(head({}) + tail()), HasSubstr("this run has no rows"));
}

TEST(NcclTests, AreRecognisedByTheirFirstLines) {
  EXPECT_TRUE(looks_like_nccl_tests(output({}).substr(0, 400)));
  EXPECT_TRUE(looks_like_nccl_tests(output({.named = false}).substr(0, 400)));
  EXPECT_FALSE(looks_like_nccl_tests("framework,version,device,op_name\n"));
  EXPECT_FALSE(looks_like_nccl_tests("{\"traceEvents\": []}"));
}

TEST(NcclTests, DamagedAnywhereAreReadOrRefused) {
  const std::string sound = output({}) + output({.test = "sendrecv_perf", .factor = 1.0});
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text = sound;
    for (int edit = 0; edit < 3; ++edit) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.erase(at, 1 + random() % 60);
          break;
        case 2:
          text.insert(at, "\n# size count 1e999 -1 N/A 99999999999999999999 ");
          break;
        default:
          text.resize(at + 1);
      }
    }
    try {
      for (const Sample& sample : read_nccl_tests(text, "log.txt").samples) {
        EXPECT_GT(sample.time, Seconds());
      }
    } catch (const InputError& error) {
      EXPECT_GT(error.diagnostics().front().place.line, 0) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 400);
}

}  // namespace
}  // namespace towtank
