// What a profile answers from fits: whose kernels, how it is labelled, and how sure it is.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/profile/profile.hpp"
#include "sim/profile/transfer.hpp"

namespace towtank {
namespace {

constexpr int kAllSms = 132;
constexpr double kFitError = 0.06;

Gpu h100() {
  Gpu gpu{.name = "h100-sxm",
          .sms = kAllSms,
          .bf16_peak = 989.4 * TFLOP / second,
          .fp8_peak = 1978.9 * TFLOP / second,
          .memory_bandwidth = 3.35 * TB / second,
          .memory = 80.0 * GiB};
  gpu.nvlink = 450.0 * GB / second;
  gpu.nic = 50.0 * GB / second;
  return gpu;
}

Op gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  return {.kind = OpKind::kGemm, .shape = GemmShape{.m = m, .n = n, .k = k}};
}

Op prefill(std::int64_t query, std::int64_t window = 0) {
  return {.kind = OpKind::kAttentionForward,
          .shape = AttentionShape{.batch = 1,
                                  .heads = 32,
                                  .query = query,
                                  .context = query,
                                  .qk_dim = 128,
                                  .v_dim = 128,
                                  .window = window}};
}

Op all_reduce(std::int64_t bytes, std::int64_t nodes = 1) {
  return {.kind = OpKind::kAllReduce,
          .shape = CollectiveShape{.ranks = 8 * nodes, .nodes = nodes, .bytes = bytes}};
}

/// Kernels like `op` take `slowdown` times the speed of light, at all sizes along the fit's one
/// axis, which was measured from 64 to 16,384.
KernelFit fit_like(const Op& op, Axis axis, const std::string& library, double slowdown) {
  KernelFit fit;
  fit.key = key_of(op, library);
  fit.axes = {axis};
  fit.log_slowdown.sites = {{.width = 1, .at = {6.0, 14.0}}};
  const auto factor = static_cast<float>(std::log(slowdown));
  fit.log_slowdown.factors = {{factor, factor}};
  fit.log_slowdown.rank = 1;
  fit.error.time_limits = {std::numeric_limits<double>::infinity()};
  fit.error.at_knots = {kFitError};
  fit.error.per_doubling = 0.01;
  fit.error.per_doubling_outside = 0.2;
  return fit;
}

Profile with_fits(std::vector<KernelFit> fits) {
  Profile profile;
  profile.gpu = h100();
  profile.fits = std::move(fits);
  profile.fallback = {.compute = 0.5, .memory = 0.5, .link = 0.5, .error = 0.5, .source = "test"};
  correct_fits(profile);
  return profile;
}

double slowdown(const Profile& profile, const Op& op, std::string_view library = {}) {
  return estimate(profile, op, kAllSms, library).time / speed_of_light(op, profile.gpu, kAllSms);
}

const Op kGemm = gemm(4096, 4096, 4096);

TEST(FittedEstimate, OfNoLibraryIsTheFirstFits) {
  const Profile profile = with_fits(
      {fit_like(kGemm, Axis::kM, "sglang", 1.5), fit_like(kGemm, Axis::kM, "trtllm", 2.0)});
  EXPECT_NEAR(slowdown(profile, kGemm), 1.5, 1e-6);
  EXPECT_NEAR(slowdown(profile, kGemm, "trtllm"), 2.0, 1e-6);
}

TEST(FittedEstimate, OfAnUnknownLibraryIsNotAnothersTime) {
  const Profile profile = with_fits({fit_like(kGemm, Axis::kM, "sglang", 1.5)});
  EXPECT_EQ(find_fit(profile, kGemm, "tgi"), nullptr);
  EXPECT_EQ(estimate(profile, kGemm, kAllSms, "tgi").origin, Origin::kDatasheet);
}

TEST(FittedEstimate, OfALibraryIsItsOwnFitBeforeThatOfOneOfItsKernels) {
  Profile profile = with_fits({fit_like(kGemm, Axis::kM, "vllm/deepgemm", 1.5)});
  EXPECT_NEAR(slowdown(profile, kGemm, "vllm"), 1.5, 1e-6);
  EXPECT_EQ(find_fit(profile, kGemm, "vll"), nullptr);
  profile.fits.push_back(fit_like(kGemm, Axis::kM, "vllm", 2.0));
  correct_fits(profile);
  EXPECT_NEAR(slowdown(profile, kGemm, "vllm"), 2.0, 1e-6);
}

TEST(FittedEstimate, IsNeverOfAnotherPrecision) {
  const Profile profile = with_fits({fit_like(kGemm, Axis::kM, "sglang", 1.5)});
  Op fp8 = kGemm;
  fp8.precision = Precision::kFp8Block;
  EXPECT_EQ(estimate(profile, fp8, kAllSms).origin, Origin::kDatasheet);
}

TEST(FittedEstimate, BeyondTheMeasuredSizesSaysSoAndIsLessSure) {
  const Profile profile = with_fits({fit_like(kGemm, Axis::kM, "sglang", 1.5)});
  const Estimate inside = estimate(profile, gemm(4096, 4096, 4096), kAllSms);
  EXPECT_EQ(inside.origin, Origin::kInterpolated);
  double error = inside.error;
  for (const std::int64_t m : {1 << 15, 1 << 16, 1 << 17}) {
    const Estimate outside = estimate(profile, gemm(m, 4096, 4096), kAllSms);
    EXPECT_EQ(outside.origin, Origin::kExtrapolated);
    EXPECT_GT(outside.error, error);
    error = outside.error;
  }
}

TEST(FittedEstimate, OfAnotherWindowComesFromTheNearestAndSaysSo) {
  const Op all_keys = prefill(8192);
  const Profile profile = with_fits({fit_like(all_keys, Axis::kQuery, "trtllm", 1.5),
                                     fit_like(prefill(8192, 128), Axis::kQuery, "trtllm", 3.0)});
  EXPECT_NEAR(slowdown(profile, prefill(8192, 128)), 3.0, 1e-6);
  const Estimate wider = estimate(profile, prefill(8192, 256), kAllSms);
  EXPECT_EQ(wider.fit, &profile.fits[1]);
  EXPECT_EQ(wider.origin, Origin::kExtrapolated);
  EXPECT_GT(wider.error, 2.0 * estimate(profile, prefill(8192, 128), kAllSms).error);
}

TEST(FittedEstimate, IsCorrectedBySingleMeasurementsUnlessALibraryIsNamed) {
  Profile profile = with_fits({fit_like(kGemm, Axis::kM, "sglang", 1.5)});
  const Seconds fitted = estimate(profile, kGemm, kAllSms).time;
  profile.points = {
      {.op = kGemm, .sms = kAllSms, .time = 1.2 * fitted, .spread = 0.02, .source = "test"}};
  correct_fits(profile);
  const Op near = gemm(4096, 4096, 4352);
  EXPECT_GT(slowdown(profile, near), 1.7);
  EXPECT_NEAR(slowdown(profile, near, "sglang"), 1.5, 1e-6);
}

TEST(FittedEstimate, OfAWindowThatHidesNothingIsThatOfAllKeys) {
  const Profile profile = with_fits({fit_like(prefill(8192), Axis::kQuery, "trtllm", 1.5)});
  const Estimate all = estimate(profile, prefill(4096), kAllSms);
  const Estimate wide = estimate(profile, prefill(4096, 8192), kAllSms);
  EXPECT_NEAR(wide.time / all.time, 1.0, 1e-3);  // with windows the diagonal is counted exactly
  EXPECT_NEAR(wide.error, all.error, 1e-3);
  EXPECT_EQ(wide.origin, Origin::kInterpolated);
}

TEST(FittedEstimate, OfAttentionThatIsNotCausalDoesMoreWorkAndIsLessSure) {
  const Profile profile = with_fits({fit_like(prefill(8192), Axis::kQuery, "trtllm", 1.5)});
  Op full = prefill(8192);
  std::get<AttentionShape>(full.shape).causal = false;
  EXPECT_NEAR(slowdown(profile, full), 1.5, 0.01);
  const Estimate causal = estimate(profile, prefill(8192), kAllSms);
  const Estimate found = estimate(profile, full, kAllSms);
  EXPECT_NEAR(found.time / causal.time, 2.0, 0.02);
  EXPECT_EQ(found.origin, Origin::kExtrapolated);
  EXPECT_GT(found.error, 2.0 * causal.error);
}

TEST(FittedEstimate, OnOtherSmsIsScaled) {
  const Profile profile = with_fits({fit_like(kGemm, Axis::kM, "sglang", 1.5)});
  EXPECT_EQ(estimate(profile, kGemm, 112).origin, Origin::kScaled);
}

TEST(FittedEstimate, OfALibrarysKernelsIsTheOneMeasuredAtSuchSizes) {
  KernelFit few_rows = fit_like(kGemm, Axis::kM, "vllm/flashinfer", 2.0);
  few_rows.log_slowdown.sites = {{.width = 1, .at = {0.0, 5.0}}};
  const Profile profile = with_fits({fit_like(kGemm, Axis::kM, "vllm/deepgemm", 1.5), few_rows});
  EXPECT_NEAR(slowdown(profile, gemm(4, 4096, 4096), "vllm"), 2.0, 1e-6);
  EXPECT_NEAR(slowdown(profile, kGemm, "vllm"), 1.5, 1e-6);
}

TEST(SingleMeasurement, OfAnotherCacheOrWindowIsNotTakenForTheSameKernel) {
  Profile profile = with_fits({});
  for (const std::int64_t kv_heads : {1, 2, 4, 8, 16, 32}) {
    Op op = prefill(8192);
    std::get<AttentionShape>(op.shape).kv_heads = kv_heads;
    profile.points.push_back(
        {.op = op, .sms = kAllSms, .time = 400.0 * microsecond, .spread = 0.02, .source = "test"});
  }
  const Estimate windowed = estimate(profile, prefill(8192, 128), kAllSms);
  EXPECT_TRUE(std::isfinite(windowed.time.si()));
  EXPECT_GT(windowed.error, 0.2);
}

TEST(SingleMeasurement, OfAnExchangeOnOtherSmsIsNotScaled) {
  Profile profile = with_fits({});
  const Op op{.kind = OpKind::kExpertDispatch,
              .precision = Precision::kFp8Block,
              .shape = ExchangeShape{
                  .ranks = 8, .tokens = 4096, .hidden = 7168, .topk = 8, .experts = 256}};
  profile.points = {
      {.op = op, .sms = 24, .time = 500.0 * microsecond, .spread = 0.02, .source = "test"}};
  EXPECT_EQ(estimate(profile, op, 24).origin, Origin::kMeasured);
  EXPECT_NE(estimate(profile, op, 4).origin, Origin::kScaled);
  EXPECT_GT(estimate(profile, op, 4).error, 0.1);
}

TEST(TransferredFit, SaysSoAndAddsTheTransfersError) {
  Profile from = with_fits({fit_like(kGemm, Axis::kM, "sglang", 1.5)});
  from.gpu.name = "h800-sxm";
  Profile profile = with_fits({});
  profile.transfer = Transfer{.from = "h800-sxm", .reason = "same die", .error = 0.08};
  adopt_measurements(profile, from);
  correct_fits(profile);
  const Estimate found = estimate(profile, kGemm, kAllSms);
  EXPECT_EQ(found.origin, Origin::kTransferred);
  EXPECT_NEAR(found.error, std::hypot(kFitError, 0.08), 0.005);
}

TEST(TransferredFit, OfACollectiveFollowsTheOwnLinks) {
  const Op op = all_reduce(std::int64_t{1} << 30);
  Profile from = with_fits({fit_like(op, Axis::kBytes, "nccl", 1.2)});
  Profile profile = with_fits({});
  profile.gpu.nvlink = 200.0 * GB / second;
  profile.transfer = Transfer{.from = "h100-sxm", .reason = "same die", .error = 0.1};
  adopt_measurements(profile, from);
  correct_fits(profile);
  EXPECT_NEAR(
      estimate(profile, op, kAllSms).time / estimate(from, op, kAllSms).time, 450.0 / 200.0, 1e-6);
}

TEST(TransferredFit, IsNoSurerBesideATransferredMeasurement) {
  Profile from = with_fits({fit_like(kGemm, Axis::kM, "sglang", 1.5)});
  from.gpu.name = "h800-sxm";
  from.points = {{.op = kGemm,
                  .sms = kAllSms,
                  .time = estimate(from, kGemm, kAllSms).time,
                  .spread = 0.02,
                  .source = "test"}};
  Profile profile = with_fits({});
  profile.transfer = Transfer{.from = "h800-sxm", .reason = "same die", .error = 0.15};
  adopt_measurements(profile, from);
  correct_fits(profile);
  const Estimate beside = estimate(profile, gemm(4096, 4096, 4095), kAllSms);
  EXPECT_EQ(beside.origin, Origin::kTransferred);
  EXPECT_GT(beside.error, 0.1);
}

TEST(Collective, NeedsTheLinksItCrosses) {
  Profile profile = with_fits({});
  EXPECT_EQ(what_is_missing(profile, all_reduce(1024)), "");
  EXPECT_EQ(what_is_missing(profile, all_reduce(1024, 4)), "");
  profile.gpu.nic = Bandwidth();
  EXPECT_EQ(what_is_missing(profile, all_reduce(1024)), "");
  EXPECT_EQ(what_is_missing(profile, all_reduce(1024, 4)), "gpu.nic");
  profile.gpu.nvlink = Bandwidth();
  EXPECT_EQ(what_is_missing(profile, all_reduce(1024)), "gpu.nvlink");
  EXPECT_EQ(what_is_missing(profile, kGemm), "");
}

}  // namespace
}  // namespace towtank
