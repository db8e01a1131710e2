#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/profile_check_text.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;
using testing::Not;

CheckedRow row(double measured, double estimated, double stated, bool covered = true) {
  return {.measured = measured * microsecond,
          .estimated = estimated * microsecond,
          .stated_error = stated,
          .covered = covered};
}

/// The definition, the slow way: sort everything, and walk along the straight lines between.
double quantile_by_sorting(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double rank = share * static_cast<double>(values.size() - 1);
  const double below = std::floor(rank);
  const double above = std::ceil(rank);
  const double low = values[static_cast<std::size_t>(below)];
  const double high = values[static_cast<std::size_t>(above)];
  return low * (1.0 - (rank - below)) + high * (rank - below);
}

TEST(Quantile, IsWhatSortingSays) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> value(-1.0, 1.0);
  for (const std::size_t size : {1U, 2U, 3U, 10U, 11U, 997U}) {
    std::vector<double> values(size);
    std::ranges::generate(values, [&] { return value(random); });
    for (const double share : {0.0, 0.1, 0.5, 0.9, 1.0}) {
      EXPECT_NEAR(quantile(values, share), quantile_by_sorting(values, share), 1e-12)
          << size << " values, " << share;
    }
  }
}

TEST(CheckFigures, ErrorsAreOfTheEstimateRelativeToTheMeasurement) {
  // Errors -10%, +20%, -50%: bias -10%, absolute median 20%.
  const std::vector<CheckedRow> rows = {
      row(10.0, 9.0, 0.2), row(10.0, 12.0, 0.2), row(10.0, 5.0, 0.2)};
  const CheckFigures figures = check_figures(rows, 0);
  ASSERT_TRUE(figures.errors);
  EXPECT_NEAR(figures.errors->median, 0.2, 1e-12);
  EXPECT_NEAR(figures.errors->bias, -0.1, 1e-12);
  EXPECT_NEAR(figures.errors->worst, -0.5, 1e-12);
  EXPECT_NEAR(figures.errors->p90, 0.2 + 0.8 * 0.3, 1e-12);
}

TEST(CheckFigures, TheStatedRangeIsAroundTheEstimate) {
  // 12 estimated +-20% reaches down to 9.6; 8 +-20% reaches up to 9.6 only.
  const std::vector<CheckedRow> rows = {row(10.0, 12.0, 0.2), row(10.0, 8.0, 0.2)};
  EXPECT_DOUBLE_EQ(check_figures(rows, 0).errors->within, 0.5);
}

TEST(CheckFigures, RowsWithoutMeasurementsOfTheirKindAreNotCoveredAndHaveNoSayInTheErrors) {
  const std::vector<CheckedRow> rows = {row(10.0, 11.0, 0.2), row(10.0, 50.0, 0.5, false)};
  const CheckFigures figures = check_figures(rows, 2);
  EXPECT_EQ(figures.rows, 4U);
  EXPECT_EQ(figures.covered, 1U);
  EXPECT_DOUBLE_EQ(figures.coverage(), 0.25);
  EXPECT_NEAR(figures.errors->worst, 0.1, 1e-12);
}

TEST(CheckFigures, NothingCoveredHasNoErrors) {
  const std::vector<CheckedRow> rows = {row(10.0, 50.0, 0.5, false)};
  EXPECT_FALSE(check_figures(rows, 0).errors);
  EXPECT_DOUBLE_EQ(check_figures({}, 0).coverage(), 0.0);
}

ProfileCheck small_check() {
  const std::vector<CheckedRow> rows = {row(10.0, 9.0, 0.2), row(10.0, 13.0, 0.2)};
  const std::vector<CheckedRow> none = {row(10.0, 50.0, 0.5, false)};
  const std::vector<CheckedRow> all = {rows[0], rows[1], none[0]};
  return {.profile = "test-gpu",
          .tables = {{.file = "gemm_perf.csv",
                      .kind = "gemm_perf",
                      .device = "",
                      .version = "1.0",
                      .samples = 3,
                      .skipped = 0}},
          .all = check_figures(all, 0),
          .groups = {{.op = "gemm",
                      .precision = "bf16",
                      .library = "trtllm",
                      .figures = check_figures(rows, 0)},
                     {.op = "gemm",
                      .precision = "fp4",
                      .library = "trtllm",
                      .figures = check_figures(none, 0)}},
          .worst = {{.file = "gemm_perf.csv",
                     .line = 3,
                     .op = "gemm bf16 8x16x32",
                     .library = "trtllm",
                     .measured = 10.0 * microsecond,
                     .estimated = 13.0 * microsecond,
                     .error = 0.3,
                     .stated_error = 0.2,
                     .origin = "interpolated"}},
          .notes = {"something to know"}};
}

TEST(ProfileCheckText, ShowsFiguresByKindAndTheWorstRowsWithTheirLines) {
  const std::string text = profile_check_text(small_check(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("3 times"));
  EXPECT_THAT(text, HasSubstr("gemm  bf16       trtllm      2     100%   20.0%  28.0%  +30.0%"));
  EXPECT_THAT(text, HasSubstr("gemm  fp4        trtllm      1     0.0%       -      -       -"));
  EXPECT_THAT(text, HasSubstr("all                          3    66.7%"));
  EXPECT_THAT(text,
              HasSubstr("  3  gemm bf16 8x16x32  trtllm    10.0 us    13.0 us  +30.0%  20.0%"));
  EXPECT_THAT(text, HasSubstr("Note: something to know"));
  EXPECT_THAT(text, Not(HasSubstr("not usable")));
}

TEST(ProfileCheckText, NamesTheFilesOfTheWorstRowsWhereThereAreSeveral) {
  ProfileCheck check = small_check();
  check.tables.push_back(check.tables.front());
  EXPECT_THAT(profile_check_text(check, Colour::kNever), HasSubstr("gemm_perf.csv:3  gemm"));
}

TEST(ProfileCheckJson, HasTheFiguresAtTopLevel) {
  const auto object = nlohmann::json::parse(profile_check_json(small_check()));
  EXPECT_EQ(object.at("rows"), 3);
  EXPECT_EQ(object.at("covered"), 2);
  EXPECT_NEAR(object.at("coverage").get<double>(), 2.0 / 3.0, 1e-12);
  EXPECT_NEAR(object.at("median_abs_error").get<double>(), 0.2, 1e-12);
  EXPECT_NEAR(object.at("p90_abs_error").get<double>(), 0.28, 1e-12);
  EXPECT_NEAR(object.at("bias").get<double>(), 0.1, 1e-12);
  EXPECT_EQ(object.at("groups").size(), 2U);
  EXPECT_TRUE(object.at("groups").at(1).at("median_abs_error").is_null());
  EXPECT_EQ(object.at("worst").at(0).at("line"), 3);
}

}  // namespace
}  // namespace towtank
