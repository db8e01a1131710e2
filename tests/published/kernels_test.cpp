// Kernel and collective times that others published, none of which a profile was fitted to.
#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "sim/base/units.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {
namespace {

const Profile& profile_of(const std::string& gpu) {
  static std::map<std::string, Profile> known;
  const auto found = known.find(gpu);
  if (found != known.end()) {
    return found->second;
  }
  return known.emplace(gpu, read_profile(std::string(TOWTANK_SOURCE_DIR) + "/profiles", gpu))
      .first->second;
}

/// A published time, or the range of several sources', and how far laboratories, versions and days
/// are apart on one kernel.
struct Fact {
  std::string gpu;
  std::string library;  // empty: the default
  Op op;
  int sms = 0;  // 0: all
  double least_us = 0.0;
  double most_us = 0.0;
  double apart = 0.13;
};

/// The estimate is no further from what was published than it says, or than laboratories are apart;
/// and it says something, the less the further it is beyond what was measured.
void expect(const Fact& fact) {
  const Profile& profile = profile_of(fact.gpu);
  const int sms = fact.sms == 0 ? profile.gpu.sms : fact.sms;
  const Estimate known = estimate(profile, fact.op, sms, fact.library);
  const double time = known.time / microsecond;
  const double slack = std::max(known.error, fact.apart);
  const std::string what = fact.gpu + " " + describe(fact.op) + " " + fact.library;
  EXPECT_LE(time * (1.0 - slack), fact.most_us) << what;
  EXPECT_GE(time * (1.0 + slack), fact.least_us) << what;
  EXPECT_LT(known.error, known.beyond ? 0.95 : 0.5) << what;
  EXPECT_NE(known.origin, Origin::kDatasheet) << what;
}

Op gemm(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k) {
  return {
      .kind = OpKind::kGemm, .precision = precision, .shape = GemmShape{.m = m, .n = n, .k = k}};
}

Op grouped(OpKind kind, std::int64_t groups, std::int64_t each, std::int64_t n, std::int64_t k) {
  return {.kind = kind,
          .precision = Precision::kFp8Block,
          .shape = GemmShape{.m = groups * each, .n = n, .k = k, .groups = groups}};
}

Op collective(OpKind kind, std::int64_t ranks, double bytes, std::int64_t nodes = 1) {
  return {.kind = kind,
          .precision = Precision::kBf16,
          .shape = CollectiveShape{
              .ranks = ranks, .nodes = nodes, .bytes = static_cast<std::int64_t>(bytes)}};
}

constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kGiB = 1024.0 * kMiB;

// deepseek-ai/DeepGEMM README at a6d97a1 (2025-02-25) and 55ab91f (2025-03-25), H800; the range is
// that of the two versions.
TEST(PublishedDeepGemmOnH800, LargeDenseShapes) {
  const auto fact = [](std::int64_t n, std::int64_t k, double least, double most) {
    expect({"h800-sxm", "deepgemm", gemm(Precision::kFp8Block, 4096, n, k), 0, least, most});
  };
  fact(7168, 16384, 674.7, 708.5);
  fact(4096, 7168, 184.5, 190.1);
  fact(24576, 1536, 274.9, 312.4);
  fact(32768, 512, 183.0, 233.0);
  fact(7168, 2048, 103.0, 117.3);
}

// The fit of DeepGEMM's tables ends before this shape; the training trace has it, on fewer SMs.
TEST(PublishedDeepGemmOnH800, SingleMeasurementsMendWhatTheTablesDoNotReach) {
  const Profile& h800 = profile_of("h800-sxm");
  const Op op = gemm(Precision::kFp8Block, 4096, 32768, 512);
  const Estimate known = estimate(h800, op, h800.gpu.sms);
  EXPECT_NEAR(known.time / microsecond, 208.0, 40.0);  // README: 183 to 233 us
  EXPECT_LT(known.error, 0.2);
  EXPECT_GT(estimate(h800, op, h800.gpu.sms, "deepgemm").error, known.error);
}

TEST(PublishedDeepGemmOnH800, FewRows) {
  const auto fact = [](std::int64_t m, std::int64_t n, std::int64_t k, double time) {
    expect({"h800-sxm", "deepgemm", gemm(Precision::kFp8Block, m, n, k), 0, time, time});
  };
  fact(64, 4096, 7168, 13.09);
  fact(64, 7168, 16384, 44.74);
  fact(128, 24576, 1536, 18.06);
  fact(128, 7168, 16384, 46.61);
}

TEST(PublishedDeepGemmOnH800, ExpertsInOneKernel) {
  const auto fact = [](OpKind kind,
                       std::int64_t groups,
                       std::int64_t each,
                       std::int64_t n,
                       std::int64_t k,
                       double least,
                       double most) {
    expect({"h800-sxm", "deepgemm", grouped(kind, groups, each, n, k), 0, least, most});
  };
  fact(OpKind::kGroupedGemm, 4, 8192, 4096, 7168, 1429.5, 1483.5);
  fact(OpKind::kGroupedGemm, 8, 4096, 7168, 2048, 792.5, 880.2);
  fact(OpKind::kMaskedGroupedGemm, 4, 256, 4096, 7168, 64.5, 64.5);
  fact(OpKind::kMaskedGroupedGemm, 2, 512, 7168, 2048, 32.8, 32.8);
}

// deepseek-ai/FlashMLA README, 2025-04-22: up to 660 TFLOPS when compute-bound; 580 in 2025-02.
TEST(PublishedFlashMlaOnH800, ComputeBoundDecodeRunsAt580To660Tflops) {
  const Op op = {.kind = OpKind::kMlaDecode,
                 .precision = Precision::kBf16,
                 .shape = AttentionShape{.batch = 128,
                                         .heads = 128,
                                         .query = 1,
                                         .context = 8192,
                                         .qk_dim = 576,
                                         .v_dim = 512,
                                         .kv_heads = 1}};
  const double work = flops(op) / TFLOP;
  expect({"h800-sxm", "flashmla", op, 0, work / 660.0 * 1e6, work / 580.0 * 1e6});
}

// deepseek-ai/profile-data, train.json: forward up-projection of the experts beside communication,
// 1.74 to 2.13 ms for 30,976 to 36,864 rows of 4 experts. The fit knows the kernel alone, on all
// SMs, from InferSim.
TEST(PublishedTraceOnH800, ExpertsOn112SmsFromTheirTimeOnAll) {
  expect({"h800-sxm",
          "deepgemm",
          grouped(OpKind::kGroupedGemm, 4, 30976 / 4, 4096, 7168),
          112,
          1740.0,
          1790.0,
          0.2});
}

// NVIDIA/dgxc-benchmarking nccl/README.md 80634ad and Azure/AI-benchmarking-guide 8fd0c6e.
TEST(PublishedNcclOnH100, AllReduceOf8GpusWithinTheirTable) {
  const auto fact = [](double bytes, double least, double most) {
    expect({"h100-sxm", "nccl", collective(OpKind::kAllReduce, 8, bytes), 0, least, most});
  };
  fact(1.0 * kMiB, 25.4, 42.0);
  fact(16.0 * kMiB, 121.9, 125.2);
  fact(64.0 * kMiB, 324.5, 324.7);
  fact(512.0 * kMiB, 2111.0, 2151.0);
}

TEST(PublishedNcclOnH100, AllReduceOf8GpusBeyondTheirTable) {
  expect({"h100-sxm",
          "nccl",
          collective(OpKind::kAllReduce, 8, 8.0 * kGiB),
          0,
          31307.0,
          31319.0,
          0.2});
}

TEST(PublishedNcclOnH200, AllReduceOf8Gpus) {
  expect({"h200-sxm", "nccl", collective(OpKind::kAllReduce, 8, 16.0 * kMiB), 0, 122.1, 122.1});
}

// Azure/AI-benchmarking-guide, ND A100 v4, cuBLASLt with random data, FP16.
TEST(PublishedCublasOnA100, SquareProducts) {
  const auto fact = [](std::int64_t size, double tflops) {
    const double edge = static_cast<double>(size);
    const double time = 2.0 * edge * edge * edge / tflops * 1e-6;
    expect({"a100-sxm", "", gemm(Precision::kBf16, size, size, size), 0, time, time});
  };
  fact(4096, 228.0);
  fact(8192, 253.7);
}

// stas00/ml-engineering 744d01e: most that a search over shapes reaches in BF16 is 794.5 TFLOPS on
// H100, 271.2 on A100 and 1,745 on B200. Towtank must not promise much more on a large square.
TEST(PublishedMatmul, LargeProductsDoNotBeatTheBestThatWasFound) {
  const auto fact = [](const std::string& gpu, double best) {
    const Op op = gemm(Precision::kBf16, 8192, 8192, 8192);
    const Profile& profile = profile_of(gpu);
    const Estimate known = estimate(profile, op, profile.gpu.sms);
    const double rate = flops(op) / known.time / (TFLOP / second);
    EXPECT_LT(rate, 1.05 * best) << gpu;
    EXPECT_GT(rate, 0.6 * best) << gpu;
  };
  fact("h100-sxm", 794.5);
  fact("a100-sxm", 271.2);
  fact("b200-sxm", 1745.0);
}

// deepseek-ai/DeepEP README 3b1045d, H800 and ConnectX-7, 4,096 tokens of 7,168 in FP8 (7,392 bytes
// with scales): 58 GB/s at EP32 and 51 GB/s at EP64, counting 3.61 and 3.63 nodes a token, of which
// 2.71 and 3.18 are remote. The link was fitted to another source's table.
TEST(PublishedDeepEpOnH800, DispatchOverTheNetworkFromTheFittedLink) {
  const LinkEfficiency& link = profile_of("h800-sxm").link(TransferKind::kDispatch, Medium::kNic);
  const auto fact = [&link](double remote, double counted, double rate) {
    const Bytes token = 4096.0 * 7392.0 * byte;
    const Seconds ours = link.start_up + remote * token / (link.alone * 50.0 * GB / second);
    const Seconds published = counted * token / (rate * GB / second);
    EXPECT_NEAR(ours / published, 1.0, 0.05);
  };
  fact(2.71, 3.61, 58.0);
  fact(3.18, 3.63, 51.0);
}

}  // namespace
}  // namespace towtank
