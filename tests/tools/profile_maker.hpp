// A small GPU with round numbers, tables of made-up times on it, and a folder to keep them in.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/profile/profile.hpp"
#include "sim/profile/sample.hpp"
#include "tools/profile_fitting.hpp"

namespace towtank {

/// The hand-written part of a profile: 100 SMs, 500 TFLOPS, 2 TB/s.
inline std::string profile_head(const std::string& name, const std::string& more = {}) {
  return "name = \"" + name + "\"\n" + R"(
[gpu]
sms = 100
bf16_peak = "500 TFLOPS"
memory_bandwidth = "2 TB/s"
memory = "80 GiB"
source = "datasheet"

[sources.datasheet]
text = "made up"
date = "2025"

[launch]
time = "2 us"
source = "datasheet"

[fallback]
compute = 0.5
memory = 0.5
link = 0.5
error = 0.5
source = "datasheet"
)" + more;
}

/// A made-up time of a BF16 GEMM: half of the peak, and 3 us.
inline Seconds gemm_time(std::int64_t m, std::int64_t n, std::int64_t k) {
  const double work =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  return 3.0 * microsecond + Flops(work) / (250.0 * TFLOP / second);
}

inline Op gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  return {.kind = OpKind::kGemm,
          .precision = Precision::kBf16,
          .shape = GemmShape{.m = m, .n = n, .k = k}};
}

/// A table of GEMMs on a grid of sizes.
inline SampleTable gemm_table(const std::string& library, const std::string& version = "1.0") {
  SampleTable table{.file = "gemm_perf_" + library + ".csv",
                    .kind = "gemm_perf",
                    .device = "",
                    .version = version,
                    .samples = {},
                    .skipped = {}};
  for (std::int64_t m = 1; m <= 4096; m *= 4) {
    for (std::int64_t n = 512; n <= 8192; n *= 2) {
      for (std::int64_t k = 512; k <= 8192; k *= 2) {
        table.samples.push_back({.op = gemm(m, n, k),
                                 .sms = 0,
                                 .library = library,
                                 .time = gemm_time(m, n, k),
                                 .line = table.samples.size() + 2});
      }
    }
  }
  return table;
}

/// The same as a file of the public collection has it.
inline std::string gemm_csv() {
  std::string text = "gemm_dtype,m,n,k,latency\n";
  for (const Sample& sample : gemm_table("trtllm").samples) {
    const auto& shape = std::get<GemmShape>(sample.op.shape);
    text += fmt::format(
        "bfloat16,{},{},{},{:.9g}\n", shape.m, shape.n, shape.k, sample.time / millisecond);
  }
  return text;
}

inline Measurements measured(SampleTable table) {
  Measurements measurements;
  measurements.table = std::move(table);
  measurements.date = "2025-11";
  return measurements;
}

/// The small GPU by itself.
inline Profile small_gpu(const std::string& name = "small") {
  Profile profile;
  profile.gpu.name = name;
  profile.gpu.sms = 100;
  profile.gpu.bf16_peak = 500.0 * TFLOP / second;
  profile.gpu.memory_bandwidth = 2.0 * TB / second;
  profile.gpu.memory = 80.0 * GiB;
  profile.sources = {{.key = "datasheet", .text = "made up", .date = "2025"}};
  profile.launch = 2.0 * microsecond;
  return profile;
}

/// The small GPU with a full table of GEMMs.
inline Profile gpu_with_gemms(const std::string& library = "trtllm") {
  Profile profile = small_gpu();
  FitOptions options;
  options.keep_all_points = true;
  LearntPart part = learn({measured(gemm_table(library))}, profile, options);
  profile.fits = std::move(part.fits);
  profile.sources.insert(profile.sources.end(), part.sources.begin(), part.sources.end());
  return profile;
}

/// A folder that lives as long as the test, and is where the program runs meanwhile.
class ProfileFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = std::filesystem::current_path();
    const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              fmt::format("towtank-{}-{}", test->test_suite_name(), test->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "profiles");
    std::filesystem::current_path(folder_);
    write("profiles/small.toml", profile_head("small"));
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder_);
  }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Everything in the folder itself.
  static std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(".")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::filesystem::path before_;
  std::filesystem::path folder_;
};

}  // namespace towtank
