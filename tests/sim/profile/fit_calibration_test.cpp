// Fits to public tables, where they are at hand, judged on rows that the fits never saw: how near
// they come, and whether the errors they state are true.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/profile/fit/kernel_fit.hpp"
#include "sim/profile/tables/read_table.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

fs::path tables() {
  const char* set = std::getenv("TOWTANK_REFERENCE");
  const fs::path reference =
      set != nullptr ? fs::path(set) : fs::path(TOWTANK_SOURCE_DIR) / "../shared/reference";
  return reference / "kernels";
}

/// H100 SXM5 (NVIDIA's datasheet, dense peaks).
Gpu h100() {
  Gpu gpu;
  gpu.name = "h100-sxm";
  gpu.sms = 132;
  gpu.bf16_peak = FlopRate(989.4e12);
  gpu.fp8_peak = FlopRate(1978.9e12);
  gpu.memory_bandwidth = Bandwidth(3.35e12);
  gpu.nvlink = Bandwidth(450e9);
  gpu.nic = Bandwidth(50e9);
  return gpu;
}

using Wanted = std::function<bool(const Sample&)>;

bool any(const Sample& /*sample*/) {
  return true;
}

/// Hidden rows against their estimates.
struct Judged {
  std::vector<double> misses;
  int inside = 0;

  double quantile(double share) {
    std::ranges::sort(misses);
    return misses[static_cast<std::size_t>(share * static_cast<double>(misses.size()))];
  }
  double covered() const { return inside / static_cast<double>(misses.size()); }
};

/// Hides every fifth row, on average, of those that are wanted, and fits the others.
void judge(const std::string& file, const Wanted& wanted, bool complete, Judged& judged) {
  std::mt19937_64 random(20);
  std::vector<Sample> seen;
  std::vector<Sample> hidden;
  for (const Sample& sample : read_table((tables() / file).string()).samples) {
    if (wanted(sample)) {
      (random() % 5 == 0 ? hidden : seen).push_back(sample);
    }
  }
  ASSERT_GT(hidden.size(), 20U) << file;
  FitOptions options;
  options.keep_all_points = complete;
  const std::vector<KernelFit> fits = fit_kernels(seen, h100(), "table", options);
  std::size_t told = 0;
  for (const Sample& sample : hidden) {
    const KernelKey key = key_of(sample.op, sample.library);
    const auto fit = std::ranges::find(fits, key, &KernelFit::key);
    if (fit == fits.end()) {
      continue;
    }
    const int sms = sample.sms == 0 ? h100().sms : sample.sms;
    const FitEstimate found = estimate(*fit, sample.op, h100(), sms);
    judged.misses.push_back(std::abs(found.time / sample.time - 1.0));
    judged.inside += std::abs(sample.time / found.time - 1.0) <= found.error ? 1 : 0;
    ++told;
  }
  EXPECT_GE(static_cast<double>(told), 0.98 * static_cast<double>(hidden.size())) << file;
}

class FitCalibration : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(tables())) {
      GTEST_SKIP() << "no tables in " << tables() << "; set TOWTANK_REFERENCE";
    }
  }
};

void expect(Judged& judged, double median, double p90) {
  EXPECT_LE(judged.quantile(0.5), median);
  EXPECT_LE(judged.quantile(0.9), p90);
  EXPECT_GE(judged.covered(), 0.80);
  EXPECT_LE(judged.covered(), 0.95);
}

TEST_F(FitCalibration, Gemm) {
  const Wanted fp8 = [](const Sample& sample) {
    return sample.op.precision == Precision::kFp8Block;
  };
  Judged judged;
  judge(
      "h100_sxm__gemm__gemm_perf__vllm-0.24.0.csv.gz",
      [&fp8](const Sample& sample) { return fp8(sample) && sample.library != "vllm/deepgemm"; },
      false,
      judged);
  expect(judged, 0.05, 0.15);
}

TEST_F(FitCalibration, GemmWithAllRows) {
  Judged judged;
  judge(
      "h100_sxm__gemm__gemm_perf__vllm-0.24.0.csv.gz",
      [](const Sample& sample) { return sample.library == "vllm/flashinfer"; },
      true,
      judged);
  expect(judged, 0.03, 0.10);
}

TEST_F(FitCalibration, Attention) {
  const Wanted sliding = [](const Sample& sample) {
    const auto& shape = std::get<AttentionShape>(sample.op.shape);
    return shape.window != 0 && shape.qk_dim <= 128;
  };
  for (const bool complete : {false, true}) {
    Judged prefill;
    judge("h100_sxm__attention__context_attention_perf__trtllm-1.3.0rc20.csv.gz",
          sliding,
          complete,
          prefill);
    expect(prefill, complete ? 0.02 : 0.05, complete ? 0.08 : 0.15);
    Judged decode;
    judge("h100_sxm__attention__generation_attention_perf__trtllm-1.3.0rc20.csv.gz",
          sliding,
          complete,
          decode);
    expect(decode, complete ? 0.02 : 0.05, complete ? 0.08 : 0.15);
  }
}

TEST_F(FitCalibration, Mla) {
  for (const bool complete : {false, true}) {
    Judged judged;
    for (const std::string file : {"context_mla_perf__trtllm-1.3.0rc20.csv",
                                   "generation_mla_perf__trtllm-1.3.0rc20.csv",
                                   "mla_context_module_perf__trtllm-1.3.0rc20.csv.gz",
                                   "mla_generation_module_perf__trtllm-1.3.0rc20.csv.gz",
                                   "wideep_generation_mla_perf__sglang-0.5.10.csv"}) {
      judge("h100_sxm__mla__" + file, any, complete, judged);
    }
    expect(judged, complete ? 0.02 : 0.05, complete ? 0.08 : 0.15);
  }
}

TEST_F(FitCalibration, ExpertLayers) {
  Judged judged;
  judge(
      "h100_sxm__moe__moe_perf__trtllm-1.3.0rc20.csv.gz",
      [](const Sample& sample) { return !std::get<MoeShape>(sample.op.shape).gated; },
      false,
      judged);
  judge(
      "h100_sxm__moe__moe_perf__sglang-0.5.14.csv.gz",
      [](const Sample& sample) { return sample.op.precision == Precision::kInt4Weights; },
      false,
      judged);
  expect(judged, 0.07, 0.20);
}

TEST_F(FitCalibration, Collectives) {
  Judged judged;
  judge("h100_sxm__comm__nccl_perf__nccl-2.29.2.csv", any, false, judged);
  judge("h100_sxm__comm__wideep_deepep_normal_perf__sglang-0.5.12.csv", any, false, judged);
  expect(judged, 0.05, 0.15);
}

}  // namespace
}  // namespace towtank
