#include "sim/profile/fit/kernel_fit.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/fit/fit_rows.hpp"

namespace towtank {
namespace {

Gpu some_gpu() {
  Gpu gpu;
  gpu.name = "some";
  gpu.sms = 100;
  gpu.bf16_peak = FlopRate(1e15);
  gpu.fp8_peak = FlopRate(2e15);
  gpu.memory_bandwidth = Bandwidth(3e12);
  gpu.nvlink = Bandwidth(450e9);
  gpu.nic = Bandwidth(50e9);
  return gpu;
}

Op gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  return {.kind = OpKind::kGemm,
          .precision = Precision::kBf16,
          .shape = GemmShape{.m = m, .n = n, .k = k}};
}

/// Kernels that reach a part of the speed of light which depends on all sizes.
double true_slowdown(const GemmShape& shape) {
  const double m = std::log2(static_cast<double>(shape.m));
  const double n = std::log2(static_cast<double>(shape.n));
  const double k = std::log2(static_cast<double>(shape.k));
  return 1.4 + 0.3 * std::sin(m) + 0.2 * std::cos(n + 0.3 * m) + 0.1 * std::sin(0.7 * k);
}

Seconds true_time(const Op& op) {
  return speed_of_light(op, some_gpu(), some_gpu().sms) *
             true_slowdown(std::get<GemmShape>(op.shape)) +
         3.0 * microsecond;
}

/// A grid of GEMMs, timed with noise of this standard deviation.
std::vector<Sample> measured_gemms(double noise, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Sample> samples;
  for (std::int64_t m = 1; m <= 16384; m *= 2) {
    for (std::int64_t n = 256; n <= 16384; n *= 2) {
      for (std::int64_t k = 256; k <= 16384; k *= 2) {
        const Op op = gemm(m, n, k);
        samples.push_back({.op = op,
                           .library = "some",
                           .time = true_time(op) * std::exp(noise * normal(random))});
      }
    }
  }
  return samples;
}

/// Every fifth sample moved out.
std::vector<Sample> hide_some(std::vector<Sample>& samples) {
  std::mt19937_64 random(99);
  std::vector<Sample> hidden;
  std::vector<Sample> rest;
  for (const Sample& sample : samples) {
    (random() % 5 == 0 ? hidden : rest).push_back(sample);
  }
  samples = rest;
  return hidden;
}

KernelFit only(const std::vector<KernelFit>& fits) {
  EXPECT_EQ(fits.size(), 1U);
  return fits.front();
}

FitEstimate of(const KernelFit& fit, const Op& op) {
  return estimate(fit, op, some_gpu(), some_gpu().sms);
}

double median_miss(const KernelFit& fit, const std::vector<Sample>& hidden) {
  std::vector<double> misses;
  misses.reserve(hidden.size());
  for (const Sample& sample : hidden) {
    misses.push_back(std::abs(of(fit, sample.op).time / sample.time - 1.0));
  }
  std::ranges::sort(misses);
  return misses[misses.size() / 2];
}

TEST(KernelFit, PredictsHiddenKernelsWithinTheirNoise) {
  std::vector<Sample> samples = measured_gemms(0.03, 1);
  const std::vector<Sample> hidden = hide_some(samples);
  const KernelFit fit = only(fit_kernels(samples, some_gpu(), "here", {}));
  EXPECT_LT(median_miss(fit, hidden), 0.035);
  EXPECT_NEAR(fit.error.median, median_miss(fit, hidden), 0.01);
}

TEST(KernelFit, NineOfTenHiddenTimesLieWithinTheStatedError) {
  for (const double noise : {0.01, 0.05, 0.15}) {
    std::vector<Sample> samples = measured_gemms(noise, 2);
    const std::vector<Sample> hidden = hide_some(samples);
    const KernelFit fit = only(fit_kernels(samples, some_gpu(), "here", {}));
    int inside = 0;
    for (const Sample& sample : hidden) {
      const FitEstimate found = of(fit, sample.op);
      inside += std::abs(sample.time / found.time - 1.0) <= found.error ? 1 : 0;
    }
    const double share = inside / static_cast<double>(hidden.size());
    EXPECT_GE(share, 0.80) << noise;
    EXPECT_LE(share, 0.97) << noise;
  }
}

TEST(KernelFit, ErrorGrowsAwayFromTheMeasuredSizesAndBeyondThem) {
  const KernelFit fit = only(fit_kernels(measured_gemms(0.02, 3), some_gpu(), "here", {}));
  const FitEstimate inside = of(fit, gemm(4096, 4096, 4000));
  const FitEstimate beyond = of(fit, gemm(4096, 4096, 65536));
  const FitEstimate farther = of(fit, gemm(4096, 4096, 262144));
  EXPECT_FALSE(inside.outside);
  EXPECT_TRUE(beyond.outside);
  EXPECT_GT(beyond.error, inside.error);
  EXPECT_GT(farther.error, beyond.error);
}

TEST(KernelFit, BeyondTheTableTimesFollowTheSpeedOfLight) {
  const KernelFit fit = only(fit_kernels(measured_gemms(0.0, 4), some_gpu(), "here", {}));
  const Op edge = gemm(8192, 8192, 16384);
  const Op beyond = gemm(8192, 8192, 131072);
  EXPECT_NEAR(of(fit, beyond).time / of(fit, edge).time, 8.0, 0.1);
}

TEST(KernelFit, KeptRowIsMeasuredAndItsTimeIsReturned) {
  const KernelFit fit = only(fit_kernels(measured_gemms(0.1, 5), some_gpu(), "here", {}));
  ASSERT_FALSE(fit.points.empty());
  ASSERT_EQ(fit.axes, (std::vector<Axis>{Axis::kM, Axis::kN, Axis::kK}));
  for (const FitPoint& point : fit.points) {
    const auto size = [&point](std::size_t axis) {
      return std::llround(std::exp2(point.at[axis]));
    };
    const FitEstimate found = of(fit, gemm(size(0), size(1), size(2)));
    EXPECT_TRUE(found.measured);
    EXPECT_EQ(found.nearest, &point);
    EXPECT_DOUBLE_EQ(found.time.si(), point.time.si());
  }
  EXPECT_FALSE(of(fit, gemm(100, 1000, 1000)).measured);
}

TEST(KernelFit, FewerSmsTakeLongerAndAreLessCertain) {
  const KernelFit fit = only(fit_kernels(measured_gemms(0.02, 6), some_gpu(), "here", {}));
  const Op op = gemm(8192, 8192, 8000);
  const FitEstimate all = estimate(fit, op, some_gpu(), 100);
  const FitEstimate half = estimate(fit, op, some_gpu(), 50);
  EXPECT_NEAR(half.time / all.time, 2.0, 0.05);
  EXPECT_GT(half.error, all.error);
}

TEST(KernelFit, EveryKindPrecisionAndLibraryIsAFitOfItsOwn) {
  std::vector<Sample> samples = measured_gemms(0.02, 7);
  samples.resize(120);
  const std::size_t count = samples.size();
  for (std::size_t i = 0; i < count; ++i) {
    Sample other = samples[i];
    other.library = "other";
    samples.push_back(other);
    other.op.precision = Precision::kFp8;
    samples.push_back(other);
  }
  const std::vector<KernelFit> fits = fit_kernels(samples, some_gpu(), "here", {});
  ASSERT_EQ(fits.size(), 3U);
  EXPECT_EQ(fits[0].key.library, "some");
  EXPECT_EQ(fits[1].key.library, "other");
  EXPECT_EQ(fits[2].key.precision, Precision::kFp8);
  EXPECT_EQ(fits[2].source, "here");
}

TEST(KernelFit, RowsOfOneShapeCountAsOneAtTheirMedian) {
  const auto sample = [](double microseconds) {
    return Sample{.op = gemm(64, 64, 64), .library = "", .time = microseconds * microsecond};
  };
  const std::vector<FitRows> rows =
      rows_by_key({sample(10.0), sample(90.0), sample(11.0)}, some_gpu());
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].count(), 1U);
  EXPECT_EQ(rows[0].measured, 3);
  EXPECT_DOUBLE_EQ(rows[0].times[0], 11e-6);
}

TEST(KernelFit, ASingleRowIsAFitThatKnowsItKnowsLittle) {
  const Sample sample = {.op = gemm(64, 64, 64), .library = "", .time = 10.0 * microsecond};
  const KernelFit fit = only(fit_kernels({sample}, some_gpu(), "here", {}));
  EXPECT_NEAR(of(fit, sample.op).time / sample.time, 1.0, 1e-3);
  EXPECT_TRUE(of(fit, gemm(64, 64, 1024)).outside);
  EXPECT_GT(of(fit, gemm(64, 64, 1024)).error, 0.2);
}

// A table with a feature that no short sum of products can hold: a ridge along m = n = k.
std::vector<Sample> ridged_gemms() {
  std::vector<Sample> samples = measured_gemms(0.003, 8);
  for (Sample& sample : samples) {
    const auto& shape = std::get<GemmShape>(sample.op.shape);
    const double away =
        std::abs(std::log2(static_cast<double>(shape.m) / static_cast<double>(shape.n))) +
        std::abs(std::log2(static_cast<double>(shape.n) / static_cast<double>(shape.k)));
    sample.time = sample.time * std::exp(0.5 * std::exp(-0.5 * away));
  }
  return samples;
}

TEST(KernelFit, AllRowsOfATableCorrectTheFitAroundThem) {
  std::vector<Sample> samples = ridged_gemms();
  const std::vector<Sample> hidden = hide_some(samples);
  FitOptions options;
  options.most_parameters = 120;
  const KernelFit compact = only(fit_kernels(samples, some_gpu(), "here", options));
  options.keep_all_points = true;
  const KernelFit full = only(fit_kernels(samples, some_gpu(), "here", options));
  EXPECT_EQ(full.points.size(), samples.size());
  EXPECT_LT(median_miss(full, hidden), 0.8 * median_miss(compact, hidden));
  for (const Sample& sample : samples) {
    const FitEstimate found = of(full, sample.op);
    ASSERT_TRUE(found.measured);
    ASSERT_NEAR(found.time / sample.time, 1.0, 1e-3);
  }
}

TEST(KernelFit, ACorrectedFitHasNoJumps) {
  std::vector<Sample> samples = ridged_gemms();
  hide_some(samples);
  FitOptions options;
  options.keep_all_points = true;
  const KernelFit fit = only(fit_kernels(samples, some_gpu(), "here", options));
  // Along k, which no tile cuts.
  for (std::int64_t k = 1000; k < 2100; ++k) {
    const Seconds here = of(fit, gemm(700, 900, k)).time;
    const Seconds next = of(fit, gemm(700, 900, k + 1)).time;
    ASSERT_NEAR(next / here, 1.0, 0.01) << k;
  }
}

TEST(KernelFit, ThreadsDoNotChangeTheResult) {
  std::vector<Sample> samples = measured_gemms(0.05, 9);
  const std::size_t count = samples.size();
  for (std::size_t i = 0; i < count; i += 2) {
    samples.push_back(samples[i]);
    samples.back().library = "other";
  }
  FitOptions options;
  options.threads = 1;
  const std::vector<KernelFit> alone = fit_kernels(samples, some_gpu(), "here", options);
  options.threads = 3;
  const std::vector<KernelFit> together = fit_kernels(samples, some_gpu(), "here", options);
  ASSERT_EQ(alone.size(), together.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    EXPECT_EQ(alone[i].log_slowdown.factors, together[i].log_slowdown.factors);
    EXPECT_EQ(alone[i].error.at_knots, together[i].error.at_knots);
  }
}

TEST(KernelFit, CollectivesOfAnyElementShareAFit) {
  const auto key = [](Precision precision) {
    return key_of({.kind = OpKind::kAllReduce,
                   .precision = precision,
                   .shape = CollectiveShape{.ranks = 8, .bytes = 1024}},
                  "nccl");
  };
  EXPECT_EQ(key(Precision::kBf16), key(Precision::kInt8));
}

Op decode(std::int64_t batch, std::int64_t kv_heads) {
  return {.kind = OpKind::kAttentionDecode,
          .precision = Precision::kBf16,
          .shape = AttentionShape{.batch = batch,
                                  .heads = 4 * kv_heads,
                                  .query = 1,
                                  .context = 4096,
                                  .qk_dim = 128,
                                  .v_dim = 128,
                                  .kv_heads = kv_heads}};
}

/// Kernels whose time is in proportion to the heads they read. Where the number of heads is odd
/// they do not fill the GPU evenly, and take the longer the more there are.
Seconds decode_time(std::int64_t batch, std::int64_t kv_heads) {
  const auto streams = static_cast<double>(batch * kv_heads);
  const bool odd = kv_heads == 3 || kv_heads == 5;
  return streams * (odd ? std::pow(streams, 0.3) : 1.0) * microsecond;
}

// There are rows at 192 streams, but of 3 heads and 64 sequences: they say nothing of 24 sequences
// with 8 heads.
TEST(KernelFit, BatchesBetweenTheMeasuredAreNotTakenForThoseOfOtherHeads) {
  std::vector<Sample> samples;
  for (const std::int64_t kv_heads : {1, 2, 3, 4, 5, 8}) {
    for (std::int64_t batch = 1; batch <= 256; batch *= 2) {
      samples.push_back(
          {.op = decode(batch, kv_heads), .library = "some", .time = decode_time(batch, kv_heads)});
    }
  }
  for (const bool complete : {false, true}) {
    FitOptions options;
    options.keep_all_points = complete;
    const KernelFit fit = only(fit_kernels(samples, some_gpu(), "here", options));
    Seconds before;
    for (const std::int64_t batch : {16, 24, 32, 40, 48, 64, 80, 96, 128}) {
      const FitEstimate found = of(fit, decode(batch, 8));
      EXPECT_NEAR(found.time / decode_time(batch, 8), 1.0, found.error) << batch;
      EXPECT_NEAR(found.time / decode_time(batch, 8), 1.0, 0.15) << batch;
      EXPECT_GT(found.time, before) << batch;
      EXPECT_FALSE(found.outside);
      before = found.time;
    }
  }
}

TEST(KernelFit, ATableThatEndsEarlyForLargeSizesKeepsItsKnots) {
  std::vector<Sample> samples = measured_gemms(0.0, 11);
  std::erase_if(samples, [](const Sample& sample) {
    const auto& shape = std::get<GemmShape>(sample.op.shape);
    return shape.m * shape.n > 1 << 23;
  });
  const std::vector<Sites> sites = sites_of(rows_by_key(samples, some_gpu()).front(), 80);
  EXPECT_EQ(sites[0].count(), 15U);  // 1 .. 16384
  EXPECT_EQ(sites[1].count(), 7U);   // 256 .. 16384
  EXPECT_EQ(sites[2].count(), 7U);
}

TEST(KernelFit, RefusesAnOpOfAnotherKind) {
  const KernelFit fit = only(fit_kernels(measured_gemms(0.02, 10), some_gpu(), "here", {}));
  const Op sweep = {.kind = OpKind::kNorm,
                    .precision = Precision::kBf16,
                    .shape = SweepShape{.rows = 8, .columns = 8}};
  EXPECT_THROW(of(fit, sweep), BrokenClaim);
}

}  // namespace
}  // namespace towtank
