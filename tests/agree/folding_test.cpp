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

INSTANTIATE_TEST_SUITE_P(Schedules, FoldedStep, testing::ValuesIn(small_steps()), test_name);

}  // namespace
}  // namespace towtank
