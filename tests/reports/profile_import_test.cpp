#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/profile_import_text.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;
using testing::Not;

ImportReport small_import() {
  return {.file = "mine.toml",
          .profile = "mine",
          .base = "test-gpu",
          .bytes = 123'456,
          .tables = {{.file = "gemm_perf.csv",
                      .kind = "gemm_perf",
                      .device = "NVIDIA TEST",
                      .version = "1.0",
                      .samples = 5000,
                      .left_out = {{.reason = "no such precision", .rows = 17}},
                      .mapped = {},
                      .unmapped = {},
                      .kernels = {}}},
          .fits = {{.op = "gemm",
                    .precision = "bf16",
                    .library = "trtllm",
                    .rows = 5000,
                    .rank = 12,
                    .parameters = 1500,
                    .points = 24,
                    .median = 0.021,
                    .p90 = 0.08,
                    .source = "gemm_perf-trtllm"}},
          .single = 0,
          .kept_fits = 0,
          .notes = {}};
}

TEST(ImportText, SaysWhatBecameOfEveryRow) {
  const std::string text = profile_import_text(small_import(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("124 KB; datasheet, links and single measurements of test-gpu"));
  EXPECT_THAT(text, HasSubstr("5,000 times"));
  EXPECT_THAT(text, HasSubstr("gemm_perf.csv: 17 rows left out: no such precision"));
  EXPECT_THAT(text, HasSubstr("5,000    12    1,500         24    2.1%  8.0%  gemm_perf-trtllm"));
  EXPECT_THAT(text, Not(HasSubstr("not mapped")));
  EXPECT_THAT(text, Not(HasSubstr("kept from")));
}

TEST(ImportText, SaysHowMuchOfATraceIsNotMapped) {
  ImportReport report = small_import();
  report.tables[0].mapped = 3.0 * millisecond;
  report.tables[0].unmapped = 1.0 * millisecond;
  report.tables[0].kernels = {
      {.name = "mystery_kernel", .calls = 4, .time = 1.0 * millisecond, .why = {}}};
  const std::string text = profile_import_text(report, Colour::kNever);
  EXPECT_THAT(text, HasSubstr("1.00 ms of 4.00 ms kernel time is not mapped to ops"));
  EXPECT_THAT(text, HasSubstr("1.00 ms  4 x  mystery_kernel  not in the kernel map"));
}

TEST(ImportJson, KeepsFitsAndWhatWasLeftOut) {
  const auto object = nlohmann::json::parse(profile_import_json(small_import()));
  EXPECT_EQ(object.at("fits").at(0).at("rank"), 12);
  EXPECT_EQ(object.at("tables").at(0).at("left_out").at(0).at("rows"), 17);
}

}  // namespace
}  // namespace towtank
