// How a plan cuts a batch into what one rank works on.
#include "sim/plan/training_plan.hpp"

#include <gtest/gtest.h>

namespace towtank {
namespace {

TrainingPlan deepseek_v3_plan() {
  return {.pipeline = 16,
          .data = 128,
          .expert = 64,
          .schedule = ScheduleKind::kDualPipe,
          .stage_layers = {},
          .sequence = 4096,
          .batch = 15360,
          .recipe = {.gemm = Precision::kFp8Block, .recompute = {}}};
}

TEST(DeepSeekV3Plan, WorksThroughOneHundredTwentyMicroBatches) {
  EXPECT_EQ(deepseek_v3_plan().ranks(), 2048);
  EXPECT_EQ(deepseek_v3_plan().micro_batches(), 120);
  EXPECT_EQ(deepseek_v3_plan().tokens_per_rank(), 4096);
}

// Every token of the batch is on exactly one rank of each pipeline stage.
TEST(MicroBatches, CoverTheBatchHoweverItIsCut) {
  for (const int context : {1, 2, 8, 32}) {
    for (const int micro_batch : {1, 2, 4}) {
      TrainingPlan plan = deepseek_v3_plan();
      plan.context = context;
      plan.micro_batch = micro_batch;
      EXPECT_EQ(plan.tokens_per_rank() * plan.micro_batches() * plan.data,
                plan.batch * plan.sequence);
    }
  }
}

TEST(ContextRanks, ShareASequenceAndSeeAllOfIt) {
  TrainingPlan plan = deepseek_v3_plan();
  plan.sequence = 131072;
  plan.batch = 480;
  plan.context = 32;
  const TokenShard shard = plan.token_shard(256, 8);
  EXPECT_EQ(shard.tokens, 4096);
  EXPECT_EQ(shard.context, 131072);
  EXPECT_EQ(plan.micro_batches(), 120);
}

TEST(TokenShard, CountsAllCopiesThatArriveAtBalancedExperts) {
  TrainingPlan plan = deepseek_v3_plan();
  plan.recipe.gemm = Precision::kBf16;
  plan.micro_batch = 3;
  const TokenShard shard = plan.token_shard(256, 8);
  EXPECT_EQ(shard.local_experts, 4);
  EXPECT_EQ(shard.sequences, 3);
  EXPECT_EQ(shard.expert_rows, 3 * 4096 * 8);
}

// Rows end anywhere in a tile of 128, so on average half of the last one is padding.
TEST(TokenShard, PadsEachExpertByHalfATileInFp8) {
  const TokenShard shard = deepseek_v3_plan().token_shard(256, 8);
  EXPECT_EQ(shard.expert_rows, 4096 * 8 + 4 * 64);
}

}  // namespace
}  // namespace towtank
