#include "sim/profile/fit/correction.hpp"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace towtank {
namespace {

constexpr int kAllSms = 132;
constexpr double kFitError = 0.15;

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

/// A fit by which every GEMM takes twice the speed of light.
KernelFit half_of_light() {
  KernelFit fit;
  fit.key = key_of(gemm(1, 1, 1), "made up");
  fit.axes = {Axis::kM, Axis::kN, Axis::kK};
  const auto log2 = static_cast<float>(std::log(2.0));
  const Sites sizes{.width = 1, .at = {0.0, 20.0}};
  fit.log_slowdown.sites = {sizes, sizes, sizes};
  fit.log_slowdown.factors = {{log2, log2}, {1.0F, 1.0F}, {1.0F, 1.0F}};
  fit.log_slowdown.rank = 1;
  fit.error = {.time_limits = {INFINITY}, .at_knots = {kFitError}};
  return fit;
}

/// A measurement that takes `ratio` times what the fit says.
CorrectionPoint off_by(double ratio, const Op& op, double spread = 0.02) {
  const Seconds fitted = estimate(half_of_light(), op, h800(), kAllSms).time;
  return {.index = 0, .op = op, .sms = kAllSms, .time = fitted * ratio, .spread = spread};
}

FitCorrection corrected_by(const std::vector<CorrectionPoint>& points) {
  return correct(half_of_light(), h800(), points);
}

TEST(FitCorrection, WithoutMeasurementsLeavesTheFitAlone) {
  const Corrected same = corrected(corrected_by({}), gemm(64, 64, 64), kAllSms, kFitError);
  EXPECT_EQ(same.factor, 1.0);
  EXPECT_EQ(same.error, kFitError);
}

TEST(FitCorrection, MeetsAPreciseMeasurementAndItsError) {
  const Op op = gemm(4096, 7168, 2048);
  const Corrected there = corrected(corrected_by({off_by(1.3, op)}), op, kAllSms, kFitError);
  EXPECT_NEAR(there.factor, 1.3, 0.01);
  EXPECT_LT(there.error, 0.03);
}

TEST(FitCorrection, FadesWithDistanceToTheBiasOfThoseMeasurements) {
  const FitCorrection correction = corrected_by({off_by(1.3, gemm(4096, 7168, 2048))});
  double factor = 1.3;
  double error = 0.0;
  for (const std::int64_t m : {3000, 1500, 500, 100, 10}) {
    const Corrected here = corrected(correction, gemm(m, 7168, 2048), kAllSms, kFitError);
    EXPECT_LT(here.factor, factor);
    EXPECT_GT(here.factor, 1.0);
    EXPECT_GT(here.error, error);
    factor = here.factor;
    error = here.error;
  }
  EXPECT_GT(factor, 1.1);  // half of the prior variance is bias
}

TEST(FitCorrection, LearnsABiasThatAllMeasurementsShare) {
  std::vector<CorrectionPoint> points;
  for (const std::int64_t m : {128, 512, 2048, 8192}) {
    for (const std::int64_t n : {512, 4096}) {
      points.push_back(off_by(1.2, gemm(m, n, 4096)));
    }
  }
  const Corrected far = corrected(corrected_by(points), gemm(512, 64, 64), kAllSms, kFitError);
  EXPECT_NEAR(far.factor, 1.2, 0.02);
  EXPECT_LT(far.error, kFitError);
}

TEST(FitCorrection, TrustsScatteredMeasurementsLess) {
  std::vector<CorrectionPoint> even;
  std::vector<CorrectionPoint> scattered;
  int i = 0;
  for (const std::int64_t m : {128, 512, 2048, 8192}) {
    for (const std::int64_t n : {512, 4096}) {
      even.push_back(off_by(1.2, gemm(m, n, 4096)));
      scattered.push_back(off_by(++i % 2 == 0 ? 0.8 : 1.6, gemm(m, n, 4096)));
    }
  }
  const Op op = gemm(1024, 1024, 1024);
  EXPECT_GT(corrected(corrected_by(scattered), op, kAllSms, kFitError).error,
            2.0 * corrected(corrected_by(even), op, kAllSms, kFitError).error);
}

TEST(FitCorrection, NineOfTenHiddenMeasurementsLieWithinTheStatedError) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> exponent(6.0, 14.0);
  std::normal_distribution<double> normal;
  int inside = 0;
  int all = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const double bias = 0.1 * normal(random);
    const double slope = 0.03 * normal(random);  // local: varies with the shape
    const auto measured = [&] {
      const auto size = [&] { return std::llround(std::exp2(exponent(random))); };
      const Op op = gemm(size(), size(), size());
      const double local = slope * (coordinate(op, kAllSms, Axis::kM) - 10.0);
      return off_by(std::exp(bias + local + 0.02 * normal(random)), op, 0.033);
    };
    std::vector<CorrectionPoint> points;
    points.reserve(12);
    for (int i = 0; i < 12; ++i) {
      points.push_back(measured());
    }
    const FitCorrection correction = corrected_by(points);
    for (int i = 0; i < 10; ++i) {
      const CorrectionPoint hidden = measured();
      const Corrected here = corrected(correction, hidden.op, kAllSms, 0.02);
      const Seconds fitted = estimate(half_of_light(), hidden.op, h800(), kAllSms).time;
      const double miss = std::log(hidden.time / (fitted * here.factor));
      inside += std::abs(miss) <= std::hypot(here.error, 0.033) ? 1 : 0;
      ++all;
    }
  }
  EXPECT_GE(inside, all * 80 / 100);
  EXPECT_LE(inside, all * 97 / 100);
}

}  // namespace
}  // namespace towtank
