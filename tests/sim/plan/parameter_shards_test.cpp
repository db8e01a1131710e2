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

// Norms, the router and the projections to latents are on every tensor rank; the rest is divided.
TEST(StageParameters, OfAllTensorRanksAreTheModelWithItsUndividedPartsAgain) {
  for (const Architecture& model : {gpt3_175b(), llama31_70b(), deepseek_v3(), llama4_maverick()}) {
    TrainingPlan plan = plan_of(1);
    const Stage whole = make_stages(model, plan, 1).front();
    const StageParameters alone = stage_parameters(model, plan, whole);
    plan.tensor = 8;
    const StageParameters shared = stage_parameters(model, plan, whole);
    EXPECT_EQ(shared.experts, alone.experts);  // whole, unless expert_tensor says otherwise
    const double again = (8.0 * shared.dense - alone.dense) / 7.0;
    EXPECT_GT(again, 0.0);
    EXPECT_LT(again, 0.11 * alone.dense) << model.name;
    plan.expert_tensor = 4;
    const double experts = stage_parameters(model, plan, whole).experts;
    EXPECT_NEAR(4.0 * experts, alone.experts, 1e-4 * alone.experts);
  }
}

TEST(StageParameters, OfALlamaLayerOnOneOfFourTensorRanksAreTheSumByHand) {
  TrainingPlan plan = plan_of(1);
  plan.tensor = 4;
  const Stage layer{.first_layer = 0, .layers = 1, .units = {{.kind = UnitKind::kDenseLayer}}};
  const double attention = 8192.0 * 128 * (16 + 2 * 2) + 16.0 * 128 * 8192;
  const double mlp = 3.0 * 8192 * 28672 / 4;
  EXPECT_DOUBLE_EQ(stage_parameters(llama31_70b(), plan, layer).dense,
                   attention + mlp + 2.0 * 8192);
}

// 8 heads of keys on 16 ranks: each has one.
TEST(StageParameters, CopyKeyHeadsThatAreFewerThanTheRanks) {
  TrainingPlan plan = plan_of(1);
  plan.tensor = 16;
  const Stage layer{.first_layer = 0, .layers = 1, .units = {{.kind = UnitKind::kDenseLayer}}};
  const double attention = 8192.0 * 128 * (4 + 2) + 4.0 * 128 * 8192;
  const double mlp = 3.0 * 8192 * 28672 / 16;
  EXPECT_DOUBLE_EQ(stage_parameters(llama31_70b(), plan, layer).dense,
                   attention + mlp + 2.0 * 8192);
}

TEST(ShardGroups, AreAllReplicasOrTheGroupsOfThePlan) {
  TrainingPlan plan = plan_of(16);
  plan.data = 64;
  EXPECT_EQ(shard_groups(plan, 2).dense, 128.0);
  EXPECT_EQ(shard_groups(plan, 2).experts, 8.0);
  plan.tensor = 2;
  plan.expert_tensor = 2;
  EXPECT_EQ(shard_groups(plan, 1).experts, 64.0 * 2 / (16 * 2));
  plan.shard = 16;
  EXPECT_EQ(shard_groups(plan, 1).dense, 16.0);
  EXPECT_EQ(shard_groups(plan, 1).experts, 1.0);
}

}  // namespace
}  // namespace towtank
