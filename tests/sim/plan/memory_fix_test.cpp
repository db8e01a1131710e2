// What makes a plan fit that does not.
#include "sim/plan/memory_fix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

TrainingPlan llama_on_64() {
  TrainingPlan plan;
  plan.data = 64;
  plan.sequence = 8192;
  plan.batch = 512;
  plan.micro_batch = 2;
  plan.recipe.gemm = Precision::kBf16;
  plan.recipe.loss = Loss::kFused;
  return plan;
}

TEST(CheapestFix, FitsAndKeepsTheGpusAndTheBatch) {
  for (const Architecture& model : {llama31_8b(), llama31_70b(), qwen3_30b()}) {
    TrainingPlan plan = llama_on_64();
    plan.expert = model.moe.experts > 0 ? 8 : 1;
    const Bytes most = peak_of_plan(model, plan);
    for (const double part : {0.95, 0.7, 0.5, 0.3}) {
      const auto fix = cheapest_fix(model, plan, part * most);
      if (!fix) {
        continue;
      }
      EXPECT_LE(peak_of_plan(model, fix->plan), part * most);
      EXPECT_EQ(fix->plan.ranks(), plan.ranks());
      EXPECT_EQ(fix->plan.batch, plan.batch);
      EXPECT_THAT(fix->settings, Not(IsEmpty()));
    }
    EXPECT_TRUE(cheapest_fix(model, plan, 0.9 * most)) << model.name;
  }
}

TEST(CheapestFix, ShardsBeforeItRecomputes) {
  TrainingPlan plan = llama_on_64();
  plan.zero_stage = 0;
  const auto fix = cheapest_fix(llama31_8b(), plan, 0.9 * peak_of_plan(llama31_8b(), plan));
  ASSERT_TRUE(fix);
  EXPECT_THAT(fix->settings, ElementsAre("zero = 1"));
}

TEST(CheapestFix, TakesNoMoreThanItNeeds) {
  const TrainingPlan plan = llama_on_64();
  const Bytes most = peak_of_plan(llama31_8b(), plan);
  const auto little = cheapest_fix(llama31_8b(), plan, 0.97 * most);
  ASSERT_TRUE(little);
  EXPECT_THAT(little->settings, ElementsAre("recompute also \"core-attention\""));
  const auto more = cheapest_fix(llama31_8b(), plan, 0.5 * most);
  ASSERT_TRUE(more);
  EXPECT_THAT(more->settings, ElementsAre("recompute also \"layers\""));
}

TEST(CheapestFix, CombinesChangesWhereOneIsNotEnough) {
  const TrainingPlan plan = llama_on_64();
  const auto fix = cheapest_fix(llama31_70b(), plan, 40.0 * GiB);
  ASSERT_TRUE(fix);
  EXPECT_LE(peak_of_plan(llama31_70b(), fix->plan), 40.0 * GiB);
  EXPECT_GT(fix->settings.size(), 1U);
}

TEST(CheapestFix, IsNoneWhereNothingHelps) {
  EXPECT_FALSE(cheapest_fix(llama31_405b(), llama_on_64(), 3.0 * GiB));
}

}  // namespace
}  // namespace towtank
