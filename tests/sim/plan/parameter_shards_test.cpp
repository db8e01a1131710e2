// The parameters of all ranks together are the model's.
#include "sim/plan/parameter_shards.hpp"

#include <gtest/gtest.h>

#include "sim/model/parameters.hpp"
#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

TrainingPlan plan_of(int expert) {
  TrainingPlan plan;
  plan.schedule = ScheduleKind::kDualPipe;  // both ends of the model on one rank
  plan.expert = expert;
  plan.sequence = 4096;
  return plan;
}

TEST(StageParameters, OfAllStagesAndExpertRanksAreTheModelWithItsMtpModule) {
  for (const Architecture& model : {deepseek_v3(),
                                    deepseek_v2(),
                                    small_model(),
                                    small_interleaved_model(),
                                    llama4_maverick()}) {
    for (const int stages : {1, 2, 5, 9}) {
      for (const int expert : {1, 4, 16}) {
        const TrainingPlan plan = plan_of(expert);
        double sum = 0.0;
        for (const Stage& stage : make_stages(model, plan, stages)) {
          const StageParameters parameters = stage_parameters(model, plan, stage);
          sum += parameters.dense + expert * parameters.experts;
        }
        EXPECT_DOUBLE_EQ(sum, total_parameters(model) + mtp_parameters(model));
      }
    }
  }
}

TEST(StageParameters, OfADenseModelAreTheModelWithATiedHeadOnce) {
  const TrainingPlan plan = plan_of(1);
  double sum = 0.0;
  for (const Stage& stage : make_stages(gpt3_175b(), plan, 8)) {
    const StageParameters parameters = stage_parameters(gpt3_175b(), plan, stage);
    EXPECT_EQ(parameters.experts, 0.0);
    sum += parameters.dense;
  }
  EXPECT_DOUBLE_EQ(sum, total_parameters(gpt3_175b()));
}

TEST(StageParameters, CopyATiedEmbeddingToAHeadThatIsAwayFromIt) {
  TrainingPlan apart = plan_of(1);
  apart.pipeline = 8;
  apart.schedule = ScheduleKind::k1F1B;
  double sum = 0.0;
  for (const Stage& stage : make_stages(gpt3_175b(), apart, 8)) {
    sum += stage_parameters(gpt3_175b(), apart, stage).dense;
  }
  EXPECT_DOUBLE_EQ(sum, total_parameters(gpt3_175b()) + 50257.0 * 12288.0);
}

TEST(StageParameters, OfAnInnerStageAreItsLayers) {
  const Architecture model = deepseek_v3();
  const TrainingPlan plan = plan_of(64);
  const StageParameters inner = stage_parameters(model, plan, make_stages(model, plan, 16)[5]);
  EXPECT_DOUBLE_EQ(inner.experts, 4 * 4 * 3.0 * 7168 * 2048);  // 4 layers, 4 experts each
  const BlockParameters block = block_parameters(model);
  EXPECT_DOUBLE_EQ(inner.dense,
                   4 * (block.attention + block.norms + block.router + block.shared_experts));
}

TEST(StageParameters, CopyTheEmbeddingToAnMtpModuleThatIsAwayFromIt) {
  const Architecture model = deepseek_v3();
  TrainingPlan apart = plan_of(64);
  apart.pipeline = 16;
  apart.schedule = ScheduleKind::k1F1B;
  const std::vector<Stage> stages = make_stages(model, apart, 16);
  const double here = stage_parameters(model, plan_of(64), stages.back()).dense;
  const double there = stage_parameters(model, apart, stages.back()).dense;
  EXPECT_DOUBLE_EQ(there - here, 129280.0 * 7168.0);
}

TEST(StageParameters, KeepEmbeddingHeadRouterAndNormsInHighPrecision) {
  const Architecture model = deepseek_v3();
  const TrainingPlan plan = plan_of(64);
  double precise = 0.0;
  for (const Stage& stage : make_stages(model, plan, 16)) {
    precise += stage_parameters(model, plan, stage).high_precision;
  }
  const BlockParameters block = block_parameters(model);
  EXPECT_DOUBLE_EQ(
      precise, block.embedding + block.head + 7168.0 + 62.0 * block.norms + 59.0 * block.router);
}

TEST(StageParameters, ShardOnlyTheRoutedExperts) {
  const Architecture model = small_model();
  for (const Stage& stage : make_stages(model, plan_of(1), 3)) {
    const StageParameters whole = stage_parameters(model, plan_of(1), stage);
    const StageParameters shared = stage_parameters(model, plan_of(8), stage);
    EXPECT_EQ(shared.dense, whole.dense);
    EXPECT_EQ(8.0 * shared.experts, whole.experts);
  }
}

}  // namespace
}  // namespace towtank
