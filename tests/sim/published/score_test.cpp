#include "sim/published/score.hpp"

#include <gtest/gtest.h>

namespace towtank {
namespace {

RunCase case_with(double measured, double projected) {
  RunCase row;
  row.id = "r";
  row.gpu = "H100-80GB";
  row.against = Measured::kStep;
  row.in_scope = true;
  row.measured = measured * second;
  row.projected = projected * second;
  row.low = 0.9 * projected * second;
  row.high = 1.1 * projected * second;
  row.step_tokens = 1.0;
  return row;
}

TEST(Score, ErrorsAreSignedAndRelativeToTheMeasurement) {
  EXPECT_NEAR(*case_with(10.0, 11.0).error(), 0.1, 1e-12);
  EXPECT_NEAR(*case_with(10.0, 8.0).error(), -0.2, 1e-12);
}

TEST(Score, CountsWhatIsInScopeAndCovered) {
  std::vector<RunCase> cases = {case_with(10.0, 11.0), case_with(10.0, 8.0)};
  RunCase refused = case_with(1.0, 1.0);
  refused.projected.reset();
  refused.reason = "no model";
  RunCase tpu = case_with(1.0, 1.0);
  tpu.gpu = "TPU-v5p";
  tpu.in_scope = false;
  cases.push_back(refused);
  cases.push_back(tpu);
  const Score score = score_of(cases);
  EXPECT_EQ(score.table_rows, 4U);
  EXPECT_EQ(score.rows, 3U);
  EXPECT_EQ(score.covered, 2U);
  EXPECT_NEAR(score.errors.bias, -0.05, 1e-12);
  EXPECT_NEAR(score.errors.mean_abs, 0.15, 1e-12);
  EXPECT_NEAR(score.errors.median_abs, 0.15, 1e-12);
  EXPECT_NEAR(score.errors.inside_range, 0.5, 1e-12);
}

TEST(Score, EfficienciesAreCountedByThemselves) {
  RunCase row = case_with(10.0, 20.0);
  row.against = Measured::kEfficiency;
  row.in_scope = false;
  const Score score = score_of({case_with(10.0, 10.0), row});
  EXPECT_EQ(score.errors.cases, 1U);
  EXPECT_DOUBLE_EQ(score.errors.mean_abs, 0.0);
  EXPECT_EQ(score.efficiency.cases, 1U);
  EXPECT_DOUBLE_EQ(score.efficiency.mean_abs, 1.0);
}

TEST(Score, ASweepIsFourPlansOfOneModelOnAsManyGpus) {
  std::vector<RunCase> cases;
  for (int i = 0; i < 4; ++i) {
    RunCase row = case_with(10.0 + i, 12.0 + 2.0 * i);
    row.plan = "tp" + std::to_string(i);
    cases.push_back(row);
  }
  const Score all = score_of(cases);
  ASSERT_EQ(all.sweeps.size(), 1U);
  EXPECT_DOUBLE_EQ(all.sweeps[0].spearman, 1.0);
  for (RunCase& row : cases) {
    row.plan = "tp1";  // the same plan measured again is no sweep
  }
  EXPECT_TRUE(score_of(cases).sweeps.empty());
  cases.pop_back();
  EXPECT_TRUE(score_of(cases).sweeps.empty());
}

TEST(Score, OfNothingIsNothing) {
  const Score score = score_of({});
  EXPECT_EQ(score.coverage(), 0.0);
  EXPECT_FALSE(score.median_spearman.has_value());
}

}  // namespace
}  // namespace towtank
