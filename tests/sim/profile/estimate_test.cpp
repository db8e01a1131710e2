#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "sim/profile/profile.hpp"

namespace towtank {
namespace {

constexpr int kAllSms = 132;
constexpr int kComputeSms = 112;  // 20 run communication

Gpu h800() {
  return {.name = "h800-sxm",
          .sms = kAllSms,
          .bf16_peak = 989.4 * TFLOP / second,
          .fp8_peak = 1978.9 * TFLOP / second,
          .memory_bandwidth = 3.35 * TB / second,
          .memory = 80.0 * GiB};
}

Op gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  return {.kind = OpKind::kGemm,
          .precision = Precision::kFp8Block,
          .shape = GemmShape{.m = m, .n = n, .k = k}};
}

Op quantize(std::int64_t rows, std::int64_t columns) {
  return {.kind = OpKind::kQuantize,
          .precision = Precision::kFp8Block,
          .shape = SweepShape{rows, columns}};
}

/// A point at which the op reaches this fraction of the roofline.
MeasuredPoint reaching(double utilisation, const Op& op, int sms = kComputeSms) {
  return {.op = op,
          .sms = sms,
          .time = speed_of_light(op, h800(), sms) / utilisation,
          .source = "made up"};
}

Profile with_points(std::vector<MeasuredPoint> points) {
  Profile profile;
  profile.gpu = h800();
  profile.points = std::move(points);
  profile.fallback = {.compute = 0.5, .memory = 0.8, .error = 0.35, .source = "made up"};
  return profile;
}

double utilisation(const Profile& profile, const Op& op, int sms = kComputeSms) {
  return speed_of_light(op, profile.gpu, sms) / estimate(profile, op, sms).time;
}

TEST(SpeedOfLight, OfALargeGemmIsWorkOverThePeakOfItsSms) {
  const Op op = gemm(4096, 7168, 16384);
  const double seconds = 2.0 * 4096 * 7168 * 16384 / (1978.9e12 * 112 / 132);
  EXPECT_NEAR(speed_of_light(op, h800(), kComputeSms) / second, seconds, 1e-12);
}

TEST(SpeedOfLight, OfASweepIsBytesOverBandwidthOnAnyNumberOfSms) {
  const Op op = quantize(4096, 7168);
  EXPECT_EQ(speed_of_light(op, h800(), 20), speed_of_light(op, h800(), kAllSms));
  EXPECT_NEAR(speed_of_light(op, h800(), 20) / second, 4096 * 7168 * 3.03125 / 3.35e12, 1e-12);
}

TEST(SpeedOfLight, OfAnyOpIsTheLargerSideOfTheRoofline) {
  std::mt19937 random(7);
  std::uniform_int_distribution<std::int64_t> size(1, 20000);
  for (int i = 0; i < 1000; ++i) {
    const Op op = gemm(size(random), size(random), size(random));
    const Seconds compute = flops(op) / h800().fp8_peak;
    const Seconds memory = memory_traffic(op) / h800().memory_bandwidth;
    EXPECT_EQ(speed_of_light(op, h800(), kAllSms), std::max(compute, memory));
  }
}

TEST(SpeedOfLight, HalvesWithEveryStepUpInPrecision) {
  Op op = gemm(8192, 8192, 8192);
  const Seconds fp8 = speed_of_light(op, h800(), kAllSms);
  op.precision = Precision::kBf16;
  const Seconds bf16 = speed_of_light(op, h800(), kAllSms);
  op.precision = Precision::kFp32;
  const Seconds tf32 = speed_of_light(op, h800(), kAllSms);
  EXPECT_NEAR(bf16 / fp8, 2.0, 1e-3);
  EXPECT_NEAR(tf32 / bf16, 2.0, 1e-12);
}

TEST(Estimate, OfAMeasuredOpIsTheMeasurement) {
  const MeasuredPoint point = {.op = gemm(4096, 7168, 16384),
                               .sms = kComputeSms,
                               .time = 895 * microsecond,
                               .spread = 0.05,
                               .source = "made up"};
  const Profile profile = with_points({reaching(0.5, gemm(4096, 7168, 8192)), point});
  const Estimate found = estimate(profile, point.op, kComputeSms);
  EXPECT_EQ(found.time, 895 * microsecond);
  EXPECT_EQ(found.origin, Origin::kMeasured);
  EXPECT_DOUBLE_EQ(found.error, 0.05);
  EXPECT_EQ(found.nearest, &profile.points[1]);
}

TEST(Estimate, NeverTrustsAMeasurementBeyondTwoPercent) {
  MeasuredPoint point = reaching(0.6, gemm(4096, 7168, 16384));
  point.spread = 0.001;
  const Profile profile = with_points({point});
  EXPECT_DOUBLE_EQ(estimate(profile, point.op, kComputeSms).error, 0.02);
}

TEST(Estimate, OnMoreSmsAGemmIsFasterInProportion) {
  const Op op = gemm(4096, 7168, 16384);
  const Profile profile = with_points({reaching(0.6, op, kComputeSms)});
  const Estimate all = estimate(profile, op, kAllSms);
  EXPECT_EQ(all.origin, Origin::kScaled);
  EXPECT_NEAR(all.time / profile.points[0].time, 112.0 / 132.0, 1e-12);
  EXPECT_NEAR(all.error, std::hypot(0.02, 0.5 * (1.0 - 112.0 / 132.0)), 1e-12);
}

TEST(Estimate, OnFewerSmsASweepTakesAsLong) {
  const Op op = quantize(4096, 7168);
  const Profile profile = with_points({reaching(0.6, op, kAllSms)});
  const Estimate scaled = estimate(profile, op, kComputeSms);
  EXPECT_EQ(scaled.time, profile.points[0].time);
  EXPECT_EQ(scaled.origin, Origin::kScaled);
  EXPECT_DOUBLE_EQ(scaled.error, 0.02);
}

TEST(Estimate, AGemmBoundByMemoryDoesNotGainFromSms) {
  const Op op = gemm(8, 7168, 16384);
  const Profile profile = with_points({reaching(0.7, op, kComputeSms)});
  EXPECT_EQ(estimate(profile, op, kAllSms).time, profile.points[0].time);
}

TEST(Estimate, ScalesFromTheNearestNumberOfSms) {
  const Op op = gemm(4096, 7168, 16384);
  const Profile profile = with_points({reaching(0.9, op, 20), reaching(0.6, op, 128)});
  EXPECT_EQ(estimate(profile, op, kAllSms).nearest, &profile.points[1]);
  EXPECT_EQ(estimate(profile, op, 24).nearest, &profile.points[0]);
}

TEST(Estimate, BetweenTwoPointsHasAUtilisationBetweenTheirs) {
  const Profile profile =
      with_points({reaching(0.4, gemm(1024, 4096, 4096)), reaching(0.8, gemm(4096, 4096, 4096))});
  double previous = 0.4;
  for (std::int64_t m = 1152; m < 4096; m += 128) {
    const double here = utilisation(profile, gemm(m, 4096, 4096));
    EXPECT_GE(here, previous);
    EXPECT_LT(here, 0.8);
    EXPECT_EQ(estimate(profile, gemm(m, 4096, 4096), kComputeSms).origin, Origin::kInterpolated);
    previous = here;
  }
  EXPECT_NEAR(utilisation(profile, gemm(2048, 4096, 4096)), 0.6, 1e-9);
}

/// Points on a grid of shapes, of uneven utilisation.
Profile uneven_grid() {
  std::vector<MeasuredPoint> points;
  for (const std::int64_t m : {512, 2048, 8192}) {
    for (const std::int64_t n : {1024, 4096, 16384}) {
      for (const std::int64_t k : {1024, 4096}) {
        const double bumps = static_cast<double>((m / 512 * 7 + n / 1024 * 5 + k / 1024 * 3) % 11);
        points.push_back(reaching(0.4 + 0.04 * bumps, gemm(m, n, k)));
      }
    }
  }
  return with_points(std::move(points));
}

TEST(Estimate, ChangesLittleWhenTheShapeChangesLittle) {
  const Profile profile = uneven_grid();
  const auto at = [&](int fiftieths_of_a_doubling) {
    const double n = std::exp2(fiftieths_of_a_doubling / 50.0);
    return utilisation(profile, gemm(3000, std::llround(n), 2000));
  };
  for (int x = 500; x < 700; ++x) {  // n from 1,024 to 16,384
    EXPECT_NEAR(at(x + 1) / at(x), 1.0, 0.02) << x;
  }
}

TEST(Estimate, MeetsTheMeasurementAsTheShapeApproachesIt) {
  const Profile profile = uneven_grid();
  const Op measured = gemm(1 << 11, 1 << 12, 1 << 12);
  const Estimate exact = estimate(profile, measured, kComputeSms);
  const Estimate near = estimate(profile, gemm((1 << 11) + 1, 1 << 12, 1 << 12), kComputeSms);
  ASSERT_EQ(exact.origin, Origin::kMeasured);
  EXPECT_NEAR(near.time / exact.time, 1.0, 0.002);
  EXPECT_NEAR(near.error, exact.error, 0.002);
}

TEST(Estimate, NeverLeavesTheRangeOfItsNeighbours) {
  const Profile profile = uneven_grid();
  std::mt19937 random(3);
  std::uniform_real_distribution<double> exponent(4.0, 17.0);
  const auto size = [&] { return static_cast<std::int64_t>(std::exp2(exponent(random))); };
  for (int i = 0; i < 2000; ++i) {
    const Op op = gemm(size(), size(), size());
    const double here = utilisation(profile, op);
    EXPECT_GE(here, 0.4 - 1e-9) << describe(op);
    EXPECT_LE(here, 0.8 + 1e-9) << describe(op);  // and so is never faster than light
  }
}

TEST(Estimate, IsSlowerThanLightUnlessAMeasurementSaysOtherwise) {
  const Profile cached = with_points({reaching(1.4, quantize(64, 512))});
  EXPECT_GT(utilisation(cached, quantize(64, 512)), 1.0);
  const Profile ordinary = with_points({reaching(0.7, quantize(4096, 7168))});
  EXPECT_LT(utilisation(ordinary, quantize(64, 512)), 1.0);
  EXPECT_LT(utilisation(with_points({}), quantize(64, 512)), 1.0);
}

TEST(EstimateError, GrowsWithTheDistanceFromAPoint) {
  const Profile profile = with_points({reaching(0.6, gemm(4096, 7168, 16384))});
  double previous = 0.02;
  for (const std::int64_t m : {3500, 3000, 2000, 1000, 500}) {
    const double error = estimate(profile, gemm(m, 7168, 16384), kComputeSms).error;
    EXPECT_GT(error, previous);
    previous = error;
  }
}

TEST(EstimateError, IsLargerOutsideTheMeasuredShapesThanAsFarInside) {
  const Profile profile = with_points({reaching(0.60, gemm(512, 4096, 4096)),
                                       reaching(0.61, gemm(1024, 4096, 4096)),
                                       reaching(0.60, gemm(8192, 4096, 4096))});
  const double inside = estimate(profile, gemm(2048, 4096, 4096), kComputeSms).error;
  const double outside = estimate(profile, gemm(16384, 4096, 4096), kComputeSms).error;
  EXPECT_GT(outside, 1.5 * inside);
}

TEST(EstimateError, IsLargerWhereMeasurementsPredictEachOtherBadly) {
  const auto around = [](double a, double b, double c) {
    return with_points({reaching(a, gemm(1024, 4096, 4096)),
                        reaching(b, gemm(4096, 4096, 4096)),
                        reaching(c, gemm(4096, 1024, 4096))});
  };
  const Op op = gemm(2048, 2048, 4096);
  const Estimate smooth = estimate(around(0.60, 0.61, 0.62), op, kComputeSms);
  const Estimate rough = estimate(around(0.3, 0.6, 0.9), op, kComputeSms);
  EXPECT_GT(rough.error, 2.0 * smooth.error);
}

/// Nine of ten left-out points should lie within their error; the errors must not be absurd either.
TEST(EstimateError, CoversPointsThatWereLeftOut) {
  const Profile whole = uneven_grid();
  int covered = 0;
  double sum = 0.0;
  for (std::size_t left_out = 0; left_out < whole.points.size(); ++left_out) {
    Profile profile = whole;
    const MeasuredPoint truth = profile.points[left_out];
    profile.points.erase(profile.points.begin() + static_cast<std::ptrdiff_t>(left_out));
    const Estimate guess = estimate(profile, truth.op, truth.sms);
    covered += std::abs(truth.time / guess.time - 1.0) <= guess.error ? 1 : 0;
    sum += guess.error;
  }
  const double count = static_cast<double>(whole.points.size());
  EXPECT_GE(covered / count, 0.85);
  EXPECT_LT(sum / count, 0.8);
}

TEST(Estimate, OfAKindNobodyMeasuredComesFromTheDatasheetAndSaysSo) {
  const Profile profile = with_points({reaching(0.6, gemm(4096, 7168, 16384))});
  const Estimate sweep = estimate(profile, quantize(4096, 7168), kComputeSms);
  EXPECT_EQ(sweep.origin, Origin::kDatasheet);
  EXPECT_EQ(sweep.nearest, nullptr);
  EXPECT_DOUBLE_EQ(sweep.error, 0.35);
  EXPECT_NEAR(utilisation(profile, quantize(4096, 7168)), 0.8, 1e-12);

  Op other_precision = gemm(4096, 7168, 16384);
  other_precision.precision = Precision::kBf16;
  EXPECT_EQ(estimate(profile, other_precision, kComputeSms).origin, Origin::kDatasheet);
  EXPECT_NEAR(utilisation(profile, other_precision), 0.5, 1e-12);
}

TEST(Estimate, FromAnotherGpusPointIsLabelledAndLessCertain) {
  MeasuredPoint point = reaching(0.6, gemm(4096, 7168, 16384));
  const Profile own = with_points({point});
  point.transferred = true;
  Profile lent = with_points({point});
  lent.transfer = Transfer{.from = "h100-sxm", .reason = "same die", .error = 0.04};
  for (const Op& op : {point.op, gemm(4096, 7168, 8192)}) {
    const Estimate ours = estimate(own, op, kComputeSms);
    const Estimate theirs = estimate(lent, op, kComputeSms);
    EXPECT_EQ(theirs.time, ours.time);
    EXPECT_EQ(theirs.origin, Origin::kTransferred);
    EXPECT_NEAR(theirs.error, std::hypot(ours.error, 0.04), 1e-12);
  }
}

TEST(Origins, HaveDifferentNames) {
  for (int a = 0; a < kOrigins; ++a) {
    for (int b = 0; b < a; ++b) {
      EXPECT_NE(name(static_cast<Origin>(a)), name(static_cast<Origin>(b)));
    }
  }
}

// What was measured of a sweep tells of another one that reads and writes in the same way.
TEST(UnmeasuredActivation, ReachesTheShareOfTheRooflineThatSwiGluDoes) {
  const SweepShape shape{.rows = 4096, .columns = 8192};
  const auto sweep = [&](OpKind kind) {
    return Op{.kind = kind, .precision = Precision::kBf16, .shape = shape};
  };
  const Profile profile = with_points(
      {reaching(0.7, sweep(OpKind::kSwiGlu)), reaching(0.6, sweep(OpKind::kSwiGluBackward))});
  EXPECT_NEAR(utilisation(profile, sweep(OpKind::kActivation)), 0.7, 1e-12);
  EXPECT_NEAR(utilisation(profile, sweep(OpKind::kActivationBackward)), 0.6, 1e-12);
  const Estimate known = estimate(profile, sweep(OpKind::kSwiGlu), kComputeSms);
  const Estimate like = estimate(profile, sweep(OpKind::kActivation), kComputeSms);
  EXPECT_GT(like.error, known.error);
  EXPECT_EQ(like.origin, Origin::kExtrapolated);
  EXPECT_EQ(estimate(with_points({}), sweep(OpKind::kActivation), kComputeSms).origin,
            Origin::kDatasheet);
}

TEST(UnmeasuredSoftmaxAndDropout, ReachTheShareOfTheRooflineThatNormsAndAdditionsDo) {
  const auto sweep = [](OpKind kind) {
    return Op{.kind = kind,
              .precision = Precision::kBf16,
              .shape = SweepShape{.rows = 4096, .columns = 8192}};
  };
  const Profile profile = with_points({reaching(0.8, sweep(OpKind::kNorm)),
                                       reaching(0.7, sweep(OpKind::kNormBackward)),
                                       reaching(0.6, sweep(OpKind::kAdd))});
  EXPECT_NEAR(utilisation(profile, sweep(OpKind::kSoftmax)), 0.8, 1e-12);
  EXPECT_NEAR(utilisation(profile, sweep(OpKind::kSoftmaxBackward)), 0.7, 1e-12);
  for (const OpKind kind : {OpKind::kDropout, OpKind::kDropoutBackward, OpKind::kDropoutAdd}) {
    EXPECT_NEAR(utilisation(profile, sweep(kind)), 0.6, 1e-12);
  }
}

}  // namespace
}  // namespace towtank
