#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/profile_comparison_text.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

ProfileComparison small_comparison() {
  return {.profiles = {"one", "two"},
          .datasheet = {{.figure = "SMs", .values = {"100", "50"}, .ratio = 0.5},
                        {.figure = "FP8 peak", .values = {"none", "900 TFLOPS"}, .ratio = 0.0}},
          .kernels = {{.op = "gemm",
                       .precision = "bf16",
                       .libraries = {"trtllm", "sglang"},
                       .ops = 48,
                       .both_measured = 7,
                       .median = 1.25,
                       .p10 = 1.1,
                       .p90 = 1.5,
                       .error = 0.1,
                       .known_as = {"measured", "measured"}}},
          .notes = {}};
}

TEST(ProfileComparisonText, ShowsRatiosAndOnWhatTheyRest) {
  const std::string text = profile_comparison_text(small_comparison(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("SMs        100          50  0.500\n"));
  EXPECT_THAT(text, HasSubstr("FP8 peak  none  900 TFLOPS\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "gemm  bf16       trtllm / sglang   48              7   1.250  1.100 to 1.500  10.0%  "
          "measured\n"));
}

TEST(ProfileComparisonJson, HasNullWhereThereIsNoRatio) {
  const auto object = nlohmann::json::parse(profile_comparison_json(small_comparison()));
  EXPECT_DOUBLE_EQ(object.at("datasheet").at(0).at("ratio"), 0.5);
  EXPECT_TRUE(object.at("datasheet").at(1).at("ratio").is_null());
  EXPECT_DOUBLE_EQ(object.at("kernels").at(0).at("median_ratio"), 1.25);
}

}  // namespace
}  // namespace towtank
