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
Judged judge(const std::string& file, const Wanted& wanted, bool complete) {
  std::mt19937_64 random(20);
  std::vector<Sample> seen;
  std::vector<Sample> hidden;
  for (const Sample& sample : read_table((tables() / file).string()).samples) {
    if (wanted(sample)) {
      (random() % 5 == 0 ? hidden : seen).push_back(sample);
    }
  }
  FitOptions options;
  options.keep_all_points = complete;
  const std::vector<KernelFit> fits = fit_kernels(seen, h100(), "table", options);
  Judged judged;
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
  }
  EXPECT_GE(static_cast<double>(judged.misses.size()), 0.98 * static_cast<double>(hidden.size()));
  return judged;
}

class FitCalibration : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(tables())) {
      GTEST_SKIP() << "no tables in " << tables() << "; set TOWTANK_REFERENCE";
    }
  }
};

/// What is asked of the hidden rows of one table.
struct Asked {
  double median = 0.0;
  double p90 = 0.0;
};
constexpr Asked kCompact = {.median = 0.05, .p90 = 0.15};
constexpr Asked kCompactExpertLayers = {.median = 0.07, .p90 = 0.20};
constexpr Asked kAllRows = {.median = 0.02, .p90 = 0.08};
constexpr Asked kAllRowsOfGemm = {.median = 0.03, .p90 = 0.10};

/// Each table by itself: a family's good tables do not make up for a bad one.
void expect(const std::string& file, const Asked& asked, const Wanted& wanted, bool complete) {
  SCOPED_TRACE(file + (complete ? ", all rows kept" : ""));
  Judged judged = judge(file, wanted, complete);
  ASSERT_GT(judged.misses.size(), 20U);
  EXPECT_LE(judged.quantile(0.5), asked.median);
  EXPECT_LE(judged.quantile(0.9), asked.p90);
  // Of few hidden rows the share inside is itself uncertain: two standard deviations of it.
  const double doubt = 2.0 * std::sqrt(0.9 * 0.1 / static_cast<double>(judged.misses.size()));
  EXPECT_GE(judged.covered(), std::min(0.80, 0.90 - doubt));
  EXPECT_LE(judged.covered(), std::max(0.95, 0.90 + doubt));
}

TEST_F(FitCalibration, Gemm) {
  expect(
      "h100_sxm__gemm__gemm_perf__vllm-0.24.0.csv.gz",
      kCompact,
      [](const Sample& sample) {
        return sample.op.precision == Precision::kFp8Block && sample.library != "vllm/deepgemm";
      },
      false);
}

TEST_F(FitCalibration, GemmWithAllRows) {
  expect(
      "h100_sxm__gemm__gemm_perf__vllm-0.24.0.csv.gz",
      kAllRowsOfGemm,
      [](const Sample& sample) { return sample.library == "vllm/flashinfer"; },
      true);
}

TEST_F(FitCalibration, Attention) {
  const Wanted sliding = [](const Sample& sample) {
    const auto& shape = std::get<AttentionShape>(sample.op.shape);
    return shape.window != 0 && shape.qk_dim <= 128;
  };
  for (const std::string part : {"context", "generation"}) {
    const std::string file =
        "h100_sxm__attention__" + part + "_attention_perf__trtllm-1.3.0rc20.csv.gz";
    expect(file, kCompact, sliding, false);
    expect(file, kAllRows, sliding, true);
  }
}

TEST_F(FitCalibration, Mla) {
  for (const std::string table : {"context_mla_perf__trtllm-1.3.0rc20.csv",
                                  "generation_mla_perf__trtllm-1.3.0rc20.csv",
                                  "mla_context_module_perf__trtllm-1.3.0rc20.csv.gz",
                                  "mla_generation_module_perf__trtllm-1.3.0rc20.csv.gz",
                                  "wideep_generation_mla_perf__sglang-0.5.10.csv"}) {
    expect("h100_sxm__mla__" + table, kCompact, any, false);
    expect("h100_sxm__mla__" + table, kAllRows, any, true);
  }
}

TEST_F(FitCalibration, ExpertLayers) {
  expect(
      "h100_sxm__moe__moe_perf__trtllm-1.3.0rc20.csv.gz",
      kCompactExpertLayers,
      [](const Sample& sample) { return !std::get<MoeShape>(sample.op.shape).gated; },
      false);
  expect(
      "h100_sxm__moe__moe_perf__sglang-0.5.14.csv.gz",
      kCompactExpertLayers,
      [](const Sample& sample) { return sample.op.precision == Precision::kInt4Weights; },
      false);
}

TEST_F(FitCalibration, Collectives) {
  expect("h100_sxm__comm__nccl_perf__nccl-2.29.2.csv", kCompact, any, false);
  expect("h100_sxm__comm__wideep_deepep_normal_perf__sglang-0.5.12.csv", kCompact, any, false);
}

}  // namespace
}  // namespace towtank
