#include "sim/profile/gpu.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/op_text.hpp"

namespace towtank {
namespace {

Gpu a_gpu() {
  return {.name = "a-gpu",
          .sms = 100,
          .bf16_peak = 1000 * TFLOP / second,
          .fp8_peak = 2000 * TFLOP / second,
          .fp4_peak = 4000 * TFLOP / second,
          .memory_bandwidth = 4 * TB / second,
          .memory = 80 * GB,
          .nvlink = 400 * GB / second,
          .nic = 50 * GB / second};
}

/// Large and square: bound by the tensor cores in every precision.
Op large_gemm(Precision precision) {
  return {.kind = OpKind::kGemm,
          .precision = precision,
          .shape = GemmShape{.m = 16384, .n = 16384, .k = 16384}};
}

Op all_reduce(std::int64_t ranks, std::int64_t nodes) {
  return {.kind = OpKind::kAllReduce,
          .precision = Precision::kBf16,
          .shape = CollectiveShape{.ranks = ranks, .nodes = nodes, .bytes = 1 << 30}};
}

TEST(SpeedOfLight, IsTheLongestSideOfTheRoofline) {
  const Gpu gpu = a_gpu();
  for (const OpKind kind : all_op_kinds()) {
    const Op op = example_op(kind);
    const Roofline sides = roofline(op, gpu, 60);
    const Seconds time = speed_of_light(op, gpu, 60);
    EXPECT_EQ(time, std::max({sides.compute, sides.memory, sides.link})) << name(kind);
    EXPECT_GT(time, Seconds{}) << name(kind);
    EXPECT_EQ(sides.compute > Seconds{}, is_compute_bound_kind(kind)) << name(kind);
    EXPECT_EQ(sides.link > Seconds{}, family(kind) == OpFamily::kCollective) << name(kind);
  }
}

TEST(SpeedOfLight, ScalesWithTheSmsWhereTensorCoresBoundIt) {
  const Gpu gpu = a_gpu();
  const Op bound = large_gemm(Precision::kBf16);
  EXPECT_DOUBLE_EQ(speed_of_light(bound, gpu, 50) / speed_of_light(bound, gpu, 100), 2.0);
  for (const OpKind kind : {OpKind::kNorm, OpKind::kAllReduce, OpKind::kExpertDispatch}) {
    EXPECT_EQ(speed_of_light(example_op(kind), gpu, 10),
              speed_of_light(example_op(kind), gpu, 100));
  }
}

TEST(SpeedOfLight, OfANarrowerFormatIsShorterWhereTensorCoresHaveIt) {
  const Gpu gpu = a_gpu();
  const auto time = [&gpu](Precision precision) {
    return roofline(large_gemm(precision), gpu, gpu.sms).compute;
  };
  const Seconds bf16 = time(Precision::kBf16);
  EXPECT_DOUBLE_EQ(time(Precision::kFp32) / bf16, 2.0);
  for (const Precision precision : {Precision::kFp8, Precision::kFp8Block, Precision::kInt8}) {
    EXPECT_DOUBLE_EQ(time(precision) / bf16, 0.5);
  }
  EXPECT_DOUBLE_EQ(time(Precision::kFp4) / bf16, 0.25);
  // Quantised weights are multiplied in BF16.
  EXPECT_EQ(time(Precision::kInt4Weights), bf16);
  EXPECT_EQ(time(Precision::kFp4Weights), bf16);
}

TEST(SpeedOfLight, OfAMissingFormatIsThatOfTheNextWiderOne) {
  Gpu gpu = a_gpu();
  gpu.fp4_peak = {};
  const auto time = [&gpu](Precision precision) {
    return roofline(large_gemm(precision), gpu, gpu.sms).compute;
  };
  EXPECT_EQ(time(Precision::kFp4), time(Precision::kFp8));
  gpu.fp8_peak = {};
  EXPECT_EQ(time(Precision::kFp8Block), time(Precision::kBf16));
  EXPECT_EQ(time(Precision::kFp4), time(Precision::kBf16));
}

TEST(SpeedOfLight, OfACollectiveIsThatOfItsSlowerLink) {
  Gpu gpu = a_gpu();
  const double tensor = 1 << 30;
  EXPECT_DOUBLE_EQ(speed_of_light(all_reduce(8, 1), gpu, 1) / second, 2.0 * tensor * 7 / 8 / 400e9);
  // Eight cards a node together are as fast as NVLink here, so half of the tensor in each direction
  // through them takes less than what stays inside.
  EXPECT_DOUBLE_EQ(speed_of_light(all_reduce(16, 2), gpu, 1) / second,
                   2.0 * tensor * 7 / 8 / 400e9);
  gpu.nic = 5 * GB / second;
  EXPECT_DOUBLE_EQ(speed_of_light(all_reduce(16, 2), gpu, 1) / second,
                   2.0 * tensor / 2 / (8 * 5e9));
}

TEST(SpeedOfLight, OfACollectiveNeedsTheBandwidthOfTheLinksItUses) {
  Gpu gpu = a_gpu();
  gpu.nic = {};
  EXPECT_NO_THROW(speed_of_light(all_reduce(8, 1), gpu, 1));
  EXPECT_THROW(speed_of_light(all_reduce(16, 2), gpu, 1), BrokenClaim);
  gpu.nvlink = {};
  EXPECT_THROW(speed_of_light(all_reduce(8, 1), gpu, 1), BrokenClaim);
  EXPECT_NO_THROW(speed_of_light(large_gemm(Precision::kBf16), gpu, 1));
}

TEST(SpeedOfLight, OnMoreSmsThanThereAreIsABug) {
  EXPECT_THROW(speed_of_light(large_gemm(Precision::kBf16), a_gpu(), 101), BrokenClaim);
  EXPECT_THROW(speed_of_light(large_gemm(Precision::kBf16), a_gpu(), 0), BrokenClaim);
}

}  // namespace
}  // namespace towtank
