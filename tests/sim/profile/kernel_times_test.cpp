#include "sim/profile/kernel_times.hpp"

#include <random>

#include <gtest/gtest.h>

namespace towtank {
namespace {

Profile made_up() {
  Profile profile;
  profile.gpu = {.name = "test",
                 .sms = 132,
                 .bf16_peak = 1000.0 * TFLOP / second,
                 .fp8_peak = 2000.0 * TFLOP / second,
                 .memory_bandwidth = 3.0 * TB / second,
                 .memory = 80.0 * GiB};
  return profile;
}

Op gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  return {.kind = OpKind::kGemm, .shape = GemmShape{.m = m, .n = n, .k = k}};
}

TEST(KernelTimes, AreTheProfilesEstimatesHoweverOftenAsked) {
  const Profile profile = made_up();
  const KernelTimes times(profile);
  std::mt19937 random(5);
  std::uniform_int_distribution<std::int64_t> size(1, 4);  // few sizes: many repetitions
  for (int i = 0; i < 2000; ++i) {
    const Op op = gemm(64 * size(random), 64 * size(random), 64 * size(random));
    const int sms = 100 + static_cast<int>(size(random));
    const Estimate expected = estimate(profile, op, sms);
    EXPECT_EQ(times.of(op, sms).time, expected.time);
    EXPECT_EQ(times.of(op, sms).error, expected.error);
  }
}

TEST(KernelTimes, TellKernelsOfOneShapeApart) {
  const Profile profile = made_up();
  const KernelTimes times(profile);
  const Op bf16 = gemm(4096, 4096, 4096);
  Op fp8 = bf16;
  fp8.precision = Precision::kFp8Block;
  EXPECT_GT(times.of(bf16, 132).time, times.of(fp8, 132).time);
  EXPECT_GT(times.of(bf16, 66).time, times.of(bf16, 132).time);
}

}  // namespace
}  // namespace towtank
