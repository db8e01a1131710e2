// What a GPU was never measured at comes from the nearest thing that it was.
#include <cmath>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sim/profile/profile.hpp"

namespace towtank {
namespace {

constexpr int kSms = 100;

Gpu some_gpu() {
  return {.name = "some-gpu",
          .sms = kSms,
          .bf16_peak = 500.0 * TFLOP / second,
          .fp8_peak = 1000.0 * TFLOP / second,
          .memory_bandwidth = 2.0 * TB / second,
          .memory = 80.0 * GiB};
}

Op product(OpKind kind,
           Precision precision,
           std::int64_t m,
           std::int64_t n,
           std::int64_t k,
           std::int64_t groups = 1) {
  return {.kind = kind,
          .precision = precision,
          .shape = GemmShape{.m = m, .n = n, .k = k, .groups = groups}};
}

Op attention(OpKind kind, std::int64_t qk_dim) {
  return {
      .kind = kind,
      .shape = AttentionShape{
          .batch = 2, .heads = 16, .query = 4096, .context = 4096, .qk_dim = qk_dim, .v_dim = 128}};
}

Op sweep(OpKind kind, Precision precision = Precision::kBf16) {
  return {.kind = kind, .precision = precision, .shape = SweepShape{4096, 8192}};
}

/// A point at which the op reaches this fraction of the roofline.
MeasuredPoint reaching(double fraction, const Op& op) {
  return {.op = op,
          .sms = kSms,
          .time = speed_of_light(op, some_gpu(), kSms) / fraction,
          .source = "made up"};
}

Profile with_points(std::vector<MeasuredPoint> points) {
  Profile profile;
  profile.gpu = some_gpu();
  profile.points = std::move(points);
  profile.fallback = {.compute = 0.5, .memory = 0.5, .error = 0.6, .source = "made up"};
  return profile;
}

Estimate estimated(const Profile& profile, const Op& op) {
  return estimate(profile, op, kSms);
}

double fraction(const Profile& profile, const Op& op) {
  return speed_of_light(op, profile.gpu, kSms) / estimated(profile, op).time;
}

TEST(UnmeasuredWeightGradient, IsItsGemmAndTheAccumulatorReadAndWritten) {
  for (const Precision precision : {Precision::kBf16, Precision::kFp8, Precision::kFp8Block}) {
    const Op gemm = product(OpKind::kGemm, precision, 8192, 4096, 4096);
    const Profile profile = with_points({reaching(0.8, gemm)});
    const Op gradient = product(OpKind::kWeightGemm, precision, 8192, 4096, 4096);
    const Estimate found = estimated(profile, gradient);
    // The GEMM wrote two bytes an element; the gradient reads and writes four.
    const Seconds accumulator = 8192.0 * 4096.0 * 6.0 * byte / profile.gpu.memory_bandwidth;
    const Seconds more = found.time - profile.points[0].time;
    EXPECT_GT(more, accumulator) << name(precision);
    EXPECT_LT(more, 1.3 * accumulator) << name(precision);
    EXPECT_EQ(found.origin, Origin::kExtrapolated);
    EXPECT_TRUE(found.beyond);
    EXPECT_GT(found.error, 0.2);
    EXPECT_LT(found.error, profile.fallback.error);
  }
}

TEST(UnmeasuredGroupedGemm, TakesAsLongAsTheGemmsOfItsGroups) {
  const Op gemm = product(OpKind::kGemm, Precision::kBf16, 2048, 4096, 4096);
  const Profile profile = with_points({reaching(0.7, gemm)});
  const Op grouped = product(OpKind::kGroupedGemm, Precision::kBf16, 16384, 4096, 4096, 8);
  EXPECT_NEAR(estimated(profile, grouped).time / profile.points[0].time, 8.0, 1e-9);
}

TEST(UnmeasuredBatchedGemm, ReachesTheShareOfTheRooflineThatOneGemmOfAllRowsDoes) {
  const Op gemm = product(OpKind::kGemm, Precision::kBf16, 65536, 2048, 128);
  const Profile profile = with_points({reaching(0.7, gemm)});
  const Op batched = product(OpKind::kBatchedGemm, Precision::kBf16, 65536, 2048, 128, 32);
  EXPECT_NEAR(fraction(profile, batched), 0.7, 1e-9);
  EXPECT_GE(estimated(profile, batched).time, profile.points[0].time);  // it has more weights
}

TEST(UnmeasuredGroupedWeightGradient, AccumulatesOncePerGroup) {
  const Op gemm = product(OpKind::kGemm, Precision::kBf16, 4096, 4096, 2048);
  const Profile profile = with_points({reaching(0.7, gemm)});
  const auto time = [&](std::int64_t groups) {
    return estimated(profile,
                     product(OpKind::kWeightGemm,
                             Precision::kBf16,
                             4096,
                             4096,
                             std::int64_t{2048} * groups,
                             groups))
        .time;
  };
  EXPECT_NEAR(time(8) / time(1), 8.0, 1e-9);
}

TEST(UnmeasuredAttentionBackward, IsSlowerThanForwardByMoreThanItsWork) {
  for (const auto& [qk_dim, least, most] :
       {std::tuple{128, 2.5 / 0.9, 2.5 / 0.75}, std::tuple{192, 2.6 / 0.75, 2.6 / 0.65}}) {
    const Op forward = attention(OpKind::kAttentionForward, qk_dim);
    const Profile profile = with_points({reaching(0.6, forward)});
    const Estimate found = estimated(profile, attention(OpKind::kAttentionBackward, qk_dim));
    EXPECT_GT(found.time / profile.points[0].time, least) << qk_dim;
    EXPECT_LT(found.time / profile.points[0].time, most) << qk_dim;
    EXPECT_LT(found.error, 0.2);
  }
}

TEST(UnmeasuredFp8, ReachesWhatTheOtherScalingDoes) {
  const Op blocks = product(OpKind::kGemm, Precision::kFp8Block, 8192, 8192, 8192);
  const Op tensors = product(OpKind::kGemm, Precision::kFp8, 8192, 8192, 8192);
  EXPECT_NEAR(fraction(with_points({reaching(0.65, blocks)}), tensors), 0.65, 1e-9);
  EXPECT_NEAR(fraction(with_points({reaching(0.65, tensors)}), blocks), 0.65, 1e-9);
  const Op wide = product(OpKind::kGemm, Precision::kBf16, 8192, 8192, 8192);
  EXPECT_EQ(estimated(with_points({reaching(0.65, wide)}), tensors).origin, Origin::kDatasheet);
}

TEST(UnmeasuredSweep, FollowsACopyOfTheGpu) {
  const Profile slow = with_points({reaching(0.4, sweep(OpKind::kCopy))});
  const Profile fast = with_points({reaching(0.8, sweep(OpKind::kCopy))});
  for (const OpKind kind : {OpKind::kAdd,
                            OpKind::kNorm,
                            OpKind::kNormBackward,
                            OpKind::kSwiGlu,
                            OpKind::kParallelCrossEntropy,
                            OpKind::kAdamW}) {
    EXPECT_NEAR(estimated(slow, sweep(kind)).time / estimated(fast, sweep(kind)).time, 2.0, 1e-9)
        << name(kind);
    EXPECT_LE(fraction(fast, sweep(kind)), 0.8 + 1e-9) << name(kind);
    EXPECT_GE(fraction(fast, sweep(kind)), 0.4) << name(kind);
  }
}

// What a copy reaches on another GPU says less than sweeps amid a run on this one, which the
// profile's fallback is made of.
TEST(UnmeasuredSweep, FollowsACopyOfAnotherGpuOnlyWhereNoSweepWasMeasured) {
  MeasuredPoint copy = reaching(0.8, sweep(OpKind::kCopy));
  copy.transferred = true;
  Profile profile = with_points({copy});
  profile.transfer = Transfer{.from = "another", .reason = "made up", .error = 0.1};
  EXPECT_EQ(estimated(profile, sweep(OpKind::kNorm)).origin, Origin::kTransferred);
  profile.points.push_back(reaching(0.3, sweep(OpKind::kRope)));
  EXPECT_EQ(estimated(profile, sweep(OpKind::kNorm)).origin, Origin::kDatasheet);
}

TEST(UnmeasuredSweep, PrefersItsOwnKindInAnotherPrecision) {
  const Profile profile =
      with_points({reaching(0.3, sweep(OpKind::kRope)), reaching(0.8, sweep(OpKind::kCopy))});
  EXPECT_NEAR(fraction(profile, sweep(OpKind::kRope, Precision::kFp8)), 0.3, 1e-9);
}

TEST(Relatives, NeverSpeakWhereSizesOfTheOpsKindWereMeasured) {
  const auto gradient = [](std::int64_t m) {
    return product(OpKind::kWeightGemm, Precision::kBf16, m, 4096, 4096);
  };
  const Profile profile =
      with_points({reaching(0.3, gradient(1024)),
                   reaching(0.3, gradient(8192)),
                   reaching(0.9, product(OpKind::kGemm, Precision::kBf16, 3000, 4096, 4096))});
  const Estimate inside = estimated(profile, gradient(3000));
  EXPECT_EQ(inside.origin, Origin::kInterpolated);
  EXPECT_NEAR(fraction(profile, gradient(3000)), 0.3, 1e-9);
}

TEST(Relatives, SpeakWhereTheOpsKindWasMeasuredFarAwayOnly) {
  const Profile profile =
      with_points({reaching(0.3, product(OpKind::kWeightGemm, Precision::kBf16, 64, 64, 64)),
                   reaching(0.9, product(OpKind::kGemm, Precision::kBf16, 8192, 4096, 4096))});
  const Op asked = product(OpKind::kWeightGemm, Precision::kBf16, 8192, 4096, 4096);
  EXPECT_GT(fraction(profile, asked), 0.6);
  EXPECT_EQ(estimated(profile, asked).nearest, &profile.points[1]);
}

}  // namespace
}  // namespace towtank
