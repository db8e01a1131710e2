// Peak memory by hand, and what the schedules are published to hold.
#include "sim/plan/memory.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "sim/model/parameters.hpp"
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

Recipe bf16() {
  return {.gemm = Precision::kBf16, .recompute = {}};
}

// Korthikanti's sbh (34 + 5 a s / h): without its 2 of dropout masks, and with the log-sum-exp of
// each head in place of the scores.
TEST(KeptPerToken, OfGpt3IsKorthikantisFormulaWithoutDropoutAndScores) {
  EXPECT_DOUBLE_EQ(kept_per_token(UnitKind::kDenseLayer, gpt3_175b(), bf16()).si(),
                   (34.0 - 2.0) * 12288.0 + 4.0 * 96.0);
}

// Two norms' inputs and results, 64 query and 2 x 8 key and value heads, the attention's result,
// and of the MLP gate, up and their product.
TEST(KeptPerToken, OfGroupedQueriesAndSwiGluIsTheSumByHand) {
  const double attention = 4.0 * 8192 + 2.0 * 128 * (64 + 16) + 2.0 * 128 * 64 + 4.0 * 64;
  const double mlp = 4.0 * 8192 + 2.0 * 3 * 28672;
  EXPECT_DOUBLE_EQ(kept_per_token(UnitKind::kDenseLayer, llama31_70b(), bf16()).si(),
                   attention + mlp);
}

TEST(KeptPerToken, OfNormedHeadsKeepsQueriesAndKeysTwice) {
  Architecture plain = qwen3_30b();
  std::get<GroupedAttention>(plain.attention).qk_norm = false;
  const auto kept = [](const Architecture& model, const Recipe& recipe) {
    return kept_per_token(UnitKind::kMoeLayer, model, recipe).si();
  };
  EXPECT_DOUBLE_EQ(kept(qwen3_30b(), bf16()) - kept(plain, bf16()), 2.0 * 128 * (32 + 4));
  Recipe again = bf16();
  again.recompute.norms = true;
  EXPECT_DOUBLE_EQ(kept(qwen3_30b(), again), kept(plain, again));
}

TEST(PeakMemory, OfADenseModelOnOneRankIsFourteenBytesAParameterAndItsActivations) {
  TrainingPlan plan;
  plan.sequence = 4096;
  plan.batch = 1;
  plan.recipe = bf16();
  const Architecture model = llama31_8b();
  const Schedule schedule = make_schedule(plan.schedule, {.ranks = 1, .micro_batches = 1});
  const MemoryUse use = peak_memory(model, plan, schedule, make_stages(model, plan, 1)).front();
  const double parameters = total_parameters(model);
  EXPECT_DOUBLE_EQ(use.weights.si(), 2.0 * parameters);
  EXPECT_DOUBLE_EQ(use.gradients.si(), 4.0 * parameters);
  EXPECT_DOUBLE_EQ(use.optimizer.si(), 8.0 * parameters);
  const double layer = kept_per_token(UnitKind::kDenseLayer, model, plan.recipe).si();
  const double ends = 4.0 + 2.0 * 4096.0;
  EXPECT_DOUBLE_EQ(use.activations.si(), 4096.0 * (32.0 * layer + ends));
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
