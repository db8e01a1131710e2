// Ramps integrated step by step, and bills added up by hand.
#include "sim/cost/run_cost.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// Runs a ramp one step after the other: each step sees batch * sequence tokens at the batch that
/// its first token is due, and the last one is cut where the ramp ends.
Seconds step_by_step(const RampShape& ramp, const StepTimeLine& line) {
  Seconds time;
  double seen = 0.0;
  while (seen < ramp.tokens) {
    const double batch =
        ramp.first_batch + (ramp.last_batch - ramp.first_batch) * seen / ramp.tokens;
    const double tokens = batch * ramp.sequence;
    const double part = std::min(1.0, (ramp.tokens - seen) / tokens);
    time += part * line.at(ramp.micro_batches * batch / ramp.last_batch);
    seen += tokens;
  }
  return time;
}

RampShape deepseek_v3_ramp() {
  return {.tokens = 469e9,
          .first_batch = 3072,
          .last_batch = 15360,
          .sequence = 4096,
          .micro_batches = 120};
}

TEST(StepTimeLine, GoesThroughBothSteps) {
  const StepTimeLine line = step_time_line(60, 11.0 * second, 120, 20.0 * second);
  EXPECT_DOUBLE_EQ(line.at(60) / second, 11.0);
  EXPECT_DOUBLE_EQ(line.at(120) / second, 20.0);
  EXPECT_DOUBLE_EQ(line.fixed / second, 2.0);
  EXPECT_DOUBLE_EQ(line.per_micro_batch / second, 0.15);
}

TEST(StepTimeLine, NeedsTwoDifferentSteps) {
  EXPECT_THROW(step_time_line(60, 11.0 * second, 60, 20.0 * second), BrokenClaim);
}

TEST(RampTime, IsTheSumOfItsSteps) {
  for (const double fixed : {0.0, 2.0, 15.0}) {
    const StepTimeLine line = {.fixed = fixed * second, .per_micro_batch = 0.15 * second};
    const double steps = step_by_step(deepseek_v3_ramp(), line) / hour;
    EXPECT_NEAR(ramp_time(deepseek_v3_ramp(), line) / hour, steps, 1e-3 * steps);
  }
}

TEST(RampTime, OfAConstantBatchIsItsStepsTimesTheirTime) {
  RampShape flat = deepseek_v3_ramp();
  flat.first_batch = flat.last_batch;
  const StepTimeLine line = {.fixed = 2.0 * second, .per_micro_batch = 0.15 * second};
  const double steps = flat.tokens / (flat.last_batch * flat.sequence);
  EXPECT_DOUBLE_EQ(ramp_time(flat, line) / second, steps * 20.0);
  RampShape almost_flat = flat;
  almost_flat.first_batch -= 1e-6;
  EXPECT_NEAR(ramp_time(almost_flat, line) / ramp_time(flat, line), 1.0, 1e-8);
}

// Without a fixed part small steps cost as much per token as large ones.
TEST(RampTime, DependsOnTheFirstBatchOnlyThroughTheFixedPart) {
  const StepTimeLine free = {.fixed = Seconds(), .per_micro_batch = 0.15 * second};
  const StepTimeLine dear = {.fixed = 2.0 * second, .per_micro_batch = 0.15 * second};
  RampShape late = deepseek_v3_ramp();
  late.first_batch = 12000;
  EXPECT_DOUBLE_EQ(ramp_time(late, free).si(), ramp_time(deepseek_v3_ramp(), free).si());
  EXPECT_LT(ramp_time(late, dear), ramp_time(deepseek_v3_ramp(), dear));
}

// Table 1 of the DeepSeek-V3 report: 2,664K GPU-hours at 2 dollars are 5.328M dollars.
TEST(RunCost, BillsEveryGpuForTheWholeTime) {
  const Price price = 2.0 * dollar / hour;
  const RunCost cost = run_cost("pre-training", 14.8e12, 54.2 * day, 2048, price, 0.08);
  EXPECT_NEAR(cost.gpu_hours, 2048 * 54.2 * 24, 1e-3);
  EXPECT_NEAR(cost.gpu_hours, 2.664e6, 0.001e6);
  EXPECT_NEAR(cost.dollars / dollar, 5.328e6, 0.002e6);
  EXPECT_EQ(cost.duration.si(), (54.2 * day).si());
  EXPECT_EQ(cost.tokens, 14.8e12);
  EXPECT_EQ(cost.error, 0.08);
  EXPECT_EQ(cost.basis, "simulated");
  EXPECT_EQ(cost.name, "pre-training");
}

TEST(StatedCost, IsTheBillOfItsGpuHoursAndNamesItsSource) {
  const Price price = 2.0 * dollar / hour;
  const RunCost stated = stated_cost("post-training", 5000, 2048, price, "a report");
  EXPECT_DOUBLE_EQ(stated.dollars / dollar, 10'000.0);
  EXPECT_EQ(stated.basis, "a report");
  const RunCost same = run_cost("post-training", 0.0, stated.duration, 2048, price, 0.0);
  EXPECT_DOUBLE_EQ(same.gpu_hours, stated.gpu_hours);
  EXPECT_DOUBLE_EQ(same.dollars.si(), stated.dollars.si());
}

}  // namespace
}  // namespace towtank
