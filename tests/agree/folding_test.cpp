// Folding is exact: one rank a class, or all ranks, every event starts and ends at the same time.
#include <gtest/gtest.h>

#include "tests/agree/folded_timeline.hpp"

namespace towtank {
namespace {

class FoldedStep : public testing::TestWithParam<SmallStep> {};

TEST_P(FoldedStep, HasTheEventsAndLoadsOfEveryRankItStandsFor) {
  SCOPED_TRACE(GetParam().text());
  const FoldedAndWhole both(GetParam());
  ASSERT_LT(both.folded().ranks.size(), both.whole().ranks.size());
  both.expect_same_events();
  both.expect_same_loads();
}

std::string test_name(const testing::TestParamInfo<SmallStep>& info) {
  const TrainingPlan& plan = info.param.plan;
  std::string schedule(name(plan.schedule));
  std::erase(schedule, '-');
  return fmt::format("{}_pipeline{}_data{}_expert{}_context{}",
                     schedule,
                     plan.pipeline,
                     plan.data,
                     plan.expert,
                     plan.context);
}

/// A step of another model in BF16, on every schedule.
std::vector<SmallStep> steps_of(const Architecture& model, const std::vector<Degrees>& meshes) {
  std::vector<SmallStep> steps;
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (const Degrees& mesh : meshes) {
      SmallStep& step = steps.emplace_back(small_step(kind, mesh));
      step.model = model;
      step.plan.recipe.gemm = Precision::kBf16;
    }
  }
  return steps;
}

INSTANTIATE_TEST_SUITE_P(DenseModel,
                         FoldedStep,
                         testing::ValuesIn(steps_of(small_dense_model(),
                                                    {{.pipeline = 2, .data = 8},
                                                     {.pipeline = 4, .data = 4, .context = 2}})),
                         test_name);
INSTANTIATE_TEST_SUITE_P(
    ExpertsInEverySecondLayer,
    FoldedStep,
    testing::ValuesIn(steps_of(small_interleaved_model(),
                               {{.pipeline = 2, .data = 8, .expert = 4},
                                {.pipeline = 2, .data = 8, .expert = 8, .context = 2}})),
    test_name);
INSTANTIATE_TEST_SUITE_P(Schedules, FoldedStep, testing::ValuesIn(small_steps()), test_name);

}  // namespace
}  // namespace towtank
