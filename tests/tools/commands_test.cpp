#include "tools/commands.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tools/plan_text.hpp"

namespace towtank {
namespace {

TEST(Overrides, SplitAtTheFirstEqualsSign) {
  const std::vector<Override> overrides =
      parse_overrides({"plan.pipeline=8", "title=a = b", "title="});
  ASSERT_EQ(overrides.size(), 3U);
  EXPECT_EQ(overrides[0].key, "plan.pipeline");
  EXPECT_EQ(overrides[0].value, "8");
  EXPECT_EQ(overrides[1].value, "a = b");
  EXPECT_EQ(overrides[2].value, "");
}

TEST(Overrides, ReportEveryTextThatIsNone) {
  try {
    parse_overrides({"plan.pipeline", "plan.data=8", "=8"});
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 2U);
    EXPECT_EQ(error.diagnostics()[0].place.file, "--set plan.pipeline");
    EXPECT_EQ(error.diagnostics()[1].place.file, "--set =8");
  }
}

TEST(PlanLine, SaysTheGridTheScheduleAndTheBatch) {
  TrainingPlan plan;
  plan.pipeline = 4;
  plan.data = 16;
  plan.schedule = ScheduleKind::kInterleaved1F1B;
  plan.interleave = 2;
  plan.sequence = 4096;
  plan.batch = 128;
  EXPECT_EQ(plan_line(plan),
            "PP4 x DP16, ZeRO-1, interleaved-1f1b with 2 stages a rank, 8 micro-batches of 1 x "
            "4,096 tokens");
  plan.expert = 8;
  plan.context = 4;
  EXPECT_EQ(
      plan_line(plan),
      "PP4 x DP4 x CP4 (EP8), ZeRO-1, interleaved-1f1b with 2 stages a rank, 32 micro-batches of 1 "
      "x 1,024 tokens");
}

}  // namespace
}  // namespace towtank
