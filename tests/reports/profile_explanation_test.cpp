#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/profile_explanation_text.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;
using testing::Not;

Explanation small_explanation() {
  return {.gpu = "test-gpu",
          .op = "gemm bf16 8x16x32",
          .sms = 90,
          .gpu_sms = 100,
          .library = {},
          .known = {.time = 50.0 * microsecond, .error = 0.1, .origin = "interpolated"},
          .compute_rate = 400.0 * TFLOP / second,
          .memory_rate = 1.5 * TB / second,
          .link_rate = {},
          .roofline = {{.limit = "compute",
                        .work = "20.0 GFLOP",
                        .peak = "500 TFLOPS",
                        .least = 40.0 * microsecond,
                        .reached = 0.8},
                       {.limit = "memory",
                        .work = "75.0 MB",
                        .peak = "3.00 TB/s",
                        .least = 25.0 * microsecond,
                        .reached = 0.5}},
          .fit = FitUsed{.kernels = "gemm bf16",
                         .library = "trtllm",
                         .rows = 33'556,
                         .median = 0.021,
                         .p90 = 0.08,
                         .transferred = false,
                         .source = "a table",
                         .date = "2025-11"},
          .axes = {"m", "n", "k"},
          .asked = {8.0, 16.0, 32.0},
          .neighbours = {{.sizes = {8.0, 16.0, 24.0},
                          .time = 45.0 * microsecond,
                          .distance = 0.415,
                          .source = "table"}},
          .alternatives =
              {{.library = "vllm",
                .known = {.time = 55.0 * microsecond, .error = 0.12, .origin = "extrapolated"}}},
          .notes = {}};
}

TEST(ExplanationText, ShowsTheRangeTheRooflineTheFitAndTheNeighbours) {
  const std::string text = profile_explanation_text(small_explanation(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("gemm bf16 8x16x32 on test-gpu\n"));
  EXPECT_THAT(text, HasSubstr("50.0 us  (45.0 us to 55.0 us: 90%)"));
  EXPECT_THAT(text, HasSubstr("interpolated, +-10.0%"));
  EXPECT_THAT(text, HasSubstr("400 TFLOPS, 1.50 TB/s of memory\n"));
  EXPECT_THAT(text, HasSubstr("90 of 100"));
  EXPECT_THAT(text, HasSubstr("Roofline: bound by compute"));
  EXPECT_THAT(text, HasSubstr("compute  20.0 GFLOP  500 TFLOPS     40.0 us    80.0%"));
  EXPECT_THAT(text, HasSubstr("33,556"));
  EXPECT_THAT(text, HasSubstr("2.1% median, 8.0% p90"));
  EXPECT_THAT(text, HasSubstr("8  16  24  45.0 us      0.41  table"));
  EXPECT_THAT(text, HasSubstr("vllm  55.0 us  +-12.0%  extrapolated"));
}

TEST(ExplanationText, SaysWhenATimeIsBeyondTheMeasuredSizes) {
  Explanation beyond = small_explanation();
  EXPECT_THAT(profile_explanation_text(beyond, Colour::kNever), Not(HasSubstr("beyond")));
  beyond.known.origin = "transferred";
  beyond.known.beyond = true;
  EXPECT_THAT(profile_explanation_text(beyond, Colour::kNever),
              HasSubstr("transferred, beyond the measured sizes, +-10.0%"));
  const auto object = nlohmann::json::parse(profile_explanation_json(beyond));
  EXPECT_EQ(object.at("beyond_measured"), true);
  EXPECT_EQ(object.at("libraries").at(0).at("beyond_measured"), false);
}

TEST(ExplanationText, LeavesOutWhatThereIsNot) {
  Explanation bare = small_explanation();
  bare.fit.reset();
  bare.neighbours.clear();
  bare.alternatives.clear();
  const std::string text = profile_explanation_text(bare, Colour::kNever);
  EXPECT_THAT(text, Not(HasSubstr("Fit")));
  EXPECT_THAT(text, Not(HasSubstr("Nearest")));
  EXPECT_THAT(text, Not(HasSubstr("library")));
}

TEST(ExplanationText, ARangeNeverReachesBelowZero) {
  Explanation wide = small_explanation();
  wide.known.error = 1.5;
  EXPECT_THAT(profile_explanation_text(wide, Colour::kNever), HasSubstr("(0 s to 125 us: 90%)"));
}

TEST(ExplanationJson, IsInBaseUnits) {
  const auto object = nlohmann::json::parse(profile_explanation_json(small_explanation()));
  EXPECT_DOUBLE_EQ(object.at("seconds"), 50e-6);
  EXPECT_DOUBLE_EQ(object.at("achieved").at("flops"), 4e14);
  EXPECT_FALSE(object.at("achieved").contains("link_bytes_per_second"));
  EXPECT_EQ(object.at("roofline").at(0).at("limit"), "compute");
  EXPECT_EQ(object.at("fit").at("rows"), 33'556);
  EXPECT_DOUBLE_EQ(object.at("nearest").at(0).at("sizes").at("k"), 24.0);
  EXPECT_EQ(object.at("libraries").at(0).at("library"), "vllm");
}

}  // namespace
}  // namespace towtank
