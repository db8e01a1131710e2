// Peak memory by hand, and what the schedules are published to hold.
#include "sim/plan/memory.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

constexpr int kPipeline = 16;

TrainingPlan deepseek_plan(ScheduleKind schedule) {
  TrainingPlan plan;
  plan.pipeline = kPipeline;
  plan.data = 128;
  plan.expert = 64;
  plan.schedule = schedule;
  plan.sequence = 4096;
  plan.batch = 15360;
  plan.recipe.recompute = {.norms = true, .up_projections = true, .swiglu = true};
  return plan;
}

std::vector<MemoryUse> memory_of(const TrainingPlan& plan) {
  const Architecture model = deepseek_v3();
  const Schedule schedule =
      make_schedule(plan.schedule, {.ranks = plan.pipeline, .micro_batches = plan.micro_batches()});
  return peak_memory(model, plan, schedule, make_stages(model, plan, schedule.stages));
}

/// Bytes a token leaves behind in one MoE layer, with norms, up-projections and SwiGLU recomputed.
double kept_in_moe_layer() {
  const double fp8 = 1.0 + 4.0 / 128.0;
  const double attention = 2.0 * (7168 + 1536 + 512 + 64) + 1.5 * 128 * 128 + 4.0 * 128;
  const double routed = 8.0 * fp8 * (7168 + 2 * 2048);
  const double shared = fp8 * 2 * 2048;
  return attention + 2.0 * 7168 + 4.0 * 256 + routed + shared;
}

TEST(KeptPerToken, OfAMoeLayerIsTheSumByHand) {
  const Recipe recipe = deepseek_plan(ScheduleKind::kDualPipe).recipe;
  EXPECT_DOUBLE_EQ(kept_per_token(UnitKind::kMoeLayer, deepseek_v3(), recipe).si(),
                   kept_in_moe_layer());
}

TEST(KeptPerToken, GrowsWithEverythingThatIsNotRecomputed) {
  const Recipe none{.gemm = Precision::kFp8Block, .recompute = {}};
  for (const UnitKind unit : {UnitKind::kDenseLayer, UnitKind::kMoeLayer}) {
    const Bytes most = kept_per_token(unit, deepseek_v3(), none);
    for (const Recompute one :
         {Recompute{.norms = true, .up_projections = false, .swiglu = false},
          Recompute{.norms = false, .up_projections = true, .swiglu = false},
          Recompute{.norms = false, .up_projections = false, .swiglu = true}}) {
      const Recipe recipe{.gemm = Precision::kFp8Block, .recompute = one};
      EXPECT_LT(kept_per_token(unit, deepseek_v3(), recipe), most);
    }
  }
}

TEST(PeakMemory, DualPipeHoldsPpPlusOneChunksOnEveryInnerRank) {
  const std::vector<MemoryUse> uses = memory_of(deepseek_plan(ScheduleKind::kDualPipe));
  const double chunk = 4.0 * 4096.0 * kept_in_moe_layer();
  for (int rank = 1; rank + 1 < kPipeline; ++rank) {
    EXPECT_NEAR(uses[static_cast<std::size_t>(rank)].activations.si(), 17.0 * chunk, 1.0);
  }
}

TEST(PeakMemory, OneFOneBHoldsAChunkLessOnEachFurtherRank) {
  const std::vector<MemoryUse> uses = memory_of(deepseek_plan(ScheduleKind::k1F1B));
  const double chunk = 4.0 * 4096.0 * kept_in_moe_layer();
  for (int rank = 1; rank + 1 < kPipeline; ++rank) {
    EXPECT_NEAR(uses[static_cast<std::size_t>(rank)].activations.si(), (16.0 - rank) * chunk, 1.0);
  }
}

TEST(PeakMemory, GradientsTakeFourBytesOfEveryParameterHeld) {
  const MemoryUse inner = memory_of(deepseek_plan(ScheduleKind::kDualPipe))[5];
  const double layer = 2.0 * 4.0 * 4.0;  // two stages of four layers, four experts each
  const double experts = layer * 3.0 * 7168 * 2048;
  EXPECT_GT(inner.gradients.si(), 4.0 * experts);
  EXPECT_NEAR(
      inner.gradients.si() / 4.0 - experts, 8.0 * 233.0e6, 8.0 * 3e6);  // attention, shared expert
}

TEST(PeakMemory, ShardedOptimizerStatesShrinkWithTheReplicas) {
  TrainingPlan whole = deepseek_plan(ScheduleKind::kDualPipe);
  whole.zero_stage = 0;
  const MemoryUse all = memory_of(whole)[5];
  const MemoryUse sharded = memory_of(deepseek_plan(ScheduleKind::kDualPipe))[5];
  EXPECT_DOUBLE_EQ(all.optimizer / all.gradients, 2.0);  // 8 bytes beside 4
  EXPECT_LT(sharded.optimizer, 0.15 * all.optimizer);
  EXPECT_GT(sharded.optimizer, 0.05 * all.optimizer);
}

TEST(PeakMemory, LogitsAreWhereTheHeadIs) {
  const std::vector<MemoryUse> uses = memory_of(deepseek_plan(ScheduleKind::k1F1B));
  for (int rank = 0; rank + 1 < kPipeline; ++rank) {
    EXPECT_EQ(uses[static_cast<std::size_t>(rank)].logits, Bytes{});
  }
  EXPECT_DOUBLE_EQ(uses.back().logits.si(), 10.0 * 4096 * 129280);
}

}  // namespace
}  // namespace towtank
