#include "reports/profile_text.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace towtank {
namespace {

using testing::HasSubstr;
using testing::Not;

ProfileReport small_profile() {
  ProfileReport report;
  report.name = "test-gpu";
  report.datasheet = {.sms = 100,
                      .bf16_peak = 500.0 * TFLOP / second,
                      .fp8_peak = {},
                      .memory_bandwidth = 2.0 * TB / second,
                      .memory = 80.0 * GiB,
                      .source = "datasheet"};
  report.sources = {{.key = "datasheet", .text = "its datasheet", .date = "2024"}};
  report.launch = 2.0 * microsecond;
  report.links = {{.kind = TransferKind::kDispatch,
                   .medium = Medium::kNic,
                   .alone = 0.8,
                   .shared = 0.5,
                   .start_up = 60.0 * microsecond,
                   .error = 0.15,
                   .origin = "measured",
                   .source = "datasheet"}};
  report.groups = {{.op = "gemm bf16",
                    .points = {{.shape = "1x2x3",
                                .sms = 100,
                                .time = 50.0 * microsecond,
                                .utilisation = 0.625,
                                .spread = 0.02,
                                .transferred = false,
                                .source = "datasheet",
                                .library = {}}}}};
  return report;
}

TEST(ProfileText, ShowsDatasheetLinksPointsAndSources) {
  const std::string text = profile_text(small_profile(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("500 TFLOPS"));
  EXPECT_THAT(text, HasSubstr("FP8 peak                none"));
  EXPECT_THAT(text, HasSubstr("nic  dispatch  80.0%           50.0%   60.0 us  15.0%  measured"));
  EXPECT_THAT(text, HasSubstr("1x2x3  100 SMs  50.0 us  62.5%  +-2.0%  datasheet"));
  EXPECT_THAT(text, HasSubstr("datasheet  2024  its datasheet"));
}

TEST(ProfileText, ShowsEachFitWithItsErrorsAndTheSizesItLearntFrom) {
  ProfileReport report = small_profile();
  report.fits = {{.op = "gemm",
                  .precision = "bf16",
                  .library = "trtllm",
                  .rows = 33'556,
                  .parameters = 1500,
                  .points = 24,
                  .median = 0.021,
                  .p90 = 0.08,
                  .least_error = 0.04,
                  .greatest_error = 0.12,
                  .sizes = {{.axis = "m", .least = 1.0, .most = 65536.0},
                            {.axis = "groups", .least = 1.0, .most = 1.0}},
                  .transferred = true,
                  .source = "datasheet"}};
  const std::string text = profile_text(report, Colour::kNever);
  EXPECT_THAT(text, HasSubstr("bf16  trtllm  33,556 rows  2.1% median  8.0% p90  +-4.0% to 12.0%"));
  EXPECT_THAT(text, HasSubstr("datasheet (transferred)\n      m 1 to 65536, groups 1\n"));
}

TEST(ProfileText, WithAScenarioShowsItsKernelsAndHowTheyAreKnown) {
  ProfileReport report = small_profile();
  report.scenario = "small";
  report.ops = {{.op = "gemm bf16 1x2x4",
                 .sms = 100,
                 .time = 60.0 * microsecond,
                 .error = 0.05,
                 .origin = "interpolated",
                 .nearest = "gemm bf16 1x2x3",
                 .share = 0.75},
                {.op = "gemm bf16 1x2x3",
                 .sms = 100,
                 .time = 50.0 * microsecond,
                 .error = 0.02,
                 .origin = "measured",
                 .nearest = "gemm bf16 1x2x3",
                 .share = 0.25}};
  const std::string text = profile_text(report, Colour::kNever);
  EXPECT_THAT(text, HasSubstr("gemm bf16 1x2x4  100  60.0 us  5.0%  75.0%  interpolated  1x2x3\n"));
  EXPECT_THAT(text, HasSubstr("25.0%  measured      itself\n"));
  EXPECT_THAT(text, HasSubstr("interpolated  1 ops  75.0%"));
  EXPECT_THAT(text, Not(HasSubstr("Sources")));
}

TEST(ProfileJson, KeepsEveryPointWithItsSource) {
  const auto object = nlohmann::json::parse(profile_json(small_profile()));
  EXPECT_EQ(object.at("schema"), "towtank.profile/1");
  const auto& point = object.at("measured").at(0);
  EXPECT_EQ(point.at("op"), "gemm bf16");
  EXPECT_DOUBLE_EQ(point.at("seconds"), 50e-6);
  EXPECT_TRUE(object.at("sources").contains(point.at("source").get<std::string>()));
  EXPECT_FALSE(object.contains("ops"));
}

}  // namespace
}  // namespace towtank
