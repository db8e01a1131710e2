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
TrainingPlan gpt_plan(int tensor) {
  TrainingPlan plan;
  plan.sequence = 2048;
  plan.tensor = tensor;
  plan.recipe = bf16();
  return plan;
}

double kept_by_gpt_layer(const TrainingPlan& plan) {
  return kept_by_unit(UnitKind::kDenseLayer, gpt3_175b(), plan).si();
}

// arXiv 2205.05198, section 4.2: sbh (10 + 24 / t) with tensor ranks alone, of which 2 are dropout
// masks; sbh 34 / t with sequence parallelism (4 of 34 a part of dropout and core attention); each
// without the scores.
TEST(KeptByUnit, OfTensorRanksIsKorthikantisFormula) {
  const double sbh = 2048.0 * 12288.0;
  const double statistics = 2048.0 * 4.0 * 96.0;  // log-sum-exp in place of the scores
  for (const int tensor : {2, 4, 8}) {
    TrainingPlan plan = gpt_plan(tensor);
    EXPECT_DOUBLE_EQ(kept_by_gpt_layer(plan), (sbh * (34.0 - 2.0) + statistics) / tensor);
    plan.sequence_parallel = false;
    EXPECT_DOUBLE_EQ(kept_by_gpt_layer(plan),
                     sbh * (10.0 - 2.0) + (sbh * 24.0 + statistics) / tensor);
  }
}

// Section 5: 2 sbh.
TEST(KeptByUnit, OfWholeRecomputedLayersIsTheirInput) {
  TrainingPlan plan = gpt_plan(1);
  plan.recipe.recompute.layers = true;
  EXPECT_DOUBLE_EQ(kept_by_gpt_layer(plan), 2.0 * 2048 * 12288);
  plan.tensor = 8;
  EXPECT_DOUBLE_EQ(kept_by_gpt_layer(plan), 2.0 * 2048 * 12288 / 8);
}

// Of a plain MLP its input after the norm, and four times that before and after the activation.
TEST(KeptByUnit, ShrinksByWhatIsRecomputed) {
  const double sbh = 2048.0 * 12288.0;
  const double all = kept_by_gpt_layer(gpt_plan(1));
  TrainingPlan plan = gpt_plan(1);
  plan.recipe.recompute.mlp = true;
  EXPECT_DOUBLE_EQ(all - kept_by_gpt_layer(plan), sbh * (2.0 + 8.0 + 8.0));
  plan.recipe.recompute = {.core_attention = true};
  EXPECT_DOUBLE_EQ(all - kept_by_gpt_layer(plan), 2.0 * sbh + 2048.0 * 4.0 * 96.0);
  plan.recipe.recompute = {.norms = true};
  EXPECT_DOUBLE_EQ(all - kept_by_gpt_layer(plan), 4.0 * sbh);
}

TEST(KeptByUnit, OfSharedExpertsIsTheirColumns) {
  TrainingPlan plan;
  plan.sequence = 4096;
  plan.recipe = bf16();
  const double all = kept_by_unit(UnitKind::kMoeLayer, deepseek_v3(), plan).si();
  plan.recipe.recompute.shared_experts = true;
  EXPECT_DOUBLE_EQ(all - kept_by_unit(UnitKind::kMoeLayer, deepseek_v3(), plan).si(),
                   4096.0 * 2.0 * 3 * 2048);
}

// The busiest rank of 16: at an exponent of 0.8 some experts are far more popular.
TEST(KeptByUnit, GrowsWithTheRowsOfTheBusiestRank) {
  TrainingPlan plan;
  plan.sequence = 4096;
  plan.expert = 16;
  plan.data = 16;
  const Bytes balanced = kept_by_unit(UnitKind::kMoeLayer, qwen3_30b(), plan);
  plan.expert_plan.load = ZipfLoad{.exponent = 0.8};
  EXPECT_GT(kept_by_unit(UnitKind::kMoeLayer, qwen3_30b(), plan), 1.2 * balanced);
}

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

std::vector<MemoryUse> llama_memory(const TrainingPlan& plan) {
  const Schedule schedule =
      make_schedule(plan.schedule, {.ranks = plan.pipeline, .micro_batches = plan.micro_batches()});
  const Architecture model = llama31_8b();
  return peak_memory(model, plan, schedule, make_stages(model, plan, schedule.stages));
}

TrainingPlan llama_plan(int zero_stage) {
  TrainingPlan plan;
  plan.data = 64;
  plan.sequence = 8192;
  plan.batch = 64;
  plan.zero_stage = zero_stage;
  plan.recipe = bf16();
  return plan;
}

// Every stage shards one class more; what is whole is one unit's gradients and two units' weights,
// of which embedding and head are the largest.
TEST(PeakMemory, EveryZeroStageShardsOneClassMore) {
  const double parameters = total_parameters(llama31_8b());
  const double largest = 128256.0 * 4096;
  std::vector<MemoryUse> uses;
  uses.reserve(4);
  for (const int zero_stage : {0, 1, 2, 3}) {
    uses.push_back(llama_memory(llama_plan(zero_stage)).front());
  }
  EXPECT_DOUBLE_EQ(uses[0].optimizer.si(), 8.0 * parameters);
  EXPECT_DOUBLE_EQ(uses[1].optimizer.si(), 8.0 * parameters / 64);
  EXPECT_DOUBLE_EQ(uses[1].gradients.si(), 4.0 * parameters);
  EXPECT_NEAR(uses[2].gradients.si(), 4.0 * (parameters / 64 + largest), 4.0 * 4096);
  EXPECT_DOUBLE_EQ(uses[2].weights.si(), 2.0 * parameters);
  EXPECT_NEAR(uses[3].weights.si(), 2.0 * (parameters / 64 + 2.0 * largest), 4.0 * 4096);
  EXPECT_EQ(uses[3].activations, uses[0].activations);
}

TEST(PeakMemory, GroupsOfShardsHoldMore) {
  TrainingPlan plan = llama_plan(1);
  plan.shard = 8;
  EXPECT_DOUBLE_EQ(llama_memory(plan).front().optimizer.si(),
                   8.0 * total_parameters(llama31_8b()) / 8);
}

TEST(PeakMemory, TakesMomentsAndGradientsInTheirPrecision) {
  TrainingPlan plan = llama_plan(0);
  const double parameters = total_parameters(llama31_8b());
  plan.recipe.moments = Precision::kFp32;
  plan.recipe.gradients = Precision::kBf16;
  const MemoryUse use = llama_memory(plan).front();
  EXPECT_DOUBLE_EQ(use.optimizer.si(), 12.0 * parameters);
  EXPECT_DOUBLE_EQ(use.gradients.si(), 2.0 * parameters);
}

// A recomputed layer is whole again while its gradients are computed.
TEST(PeakMemory, OfRecomputedLayersHasOneOfThemWhole) {
  TrainingPlan plan = llama_plan(1);
  plan.recipe.loss = Loss::kFused;  // smaller logits, so that the peak is outside the head
  const MemoryUse kept = llama_memory(plan).front();
  const Bytes layer = kept_by_unit(UnitKind::kDenseLayer, llama31_8b(), plan);
  plan.recipe.recompute.layers = true;
  const MemoryUse again = llama_memory(plan).front();
  EXPECT_NEAR((again.working - kept.working).si(), (layer.si() - 2.0 * 8192 * 4096), 1.0);
  EXPECT_LT(again.total(), kept.total());
}

TEST(PeakMemory, SaysInWhichSlotItIsMost) {
  const std::vector<MemoryUse> uses = memory_of(deepseek_plan(ScheduleKind::k1F1B));
  for (int rank = 0; rank < kPipeline; ++rank) {  // the last forward pass of the warm-up
    const MemoryUse& use = uses[static_cast<std::size_t>(rank)];
    EXPECT_EQ(use.chunk, (Chunk{.stage = rank, .micro_batch = kPipeline - 1 - rank}));
    EXPECT_EQ(use.slot, static_cast<std::size_t>(kPipeline - 1 - rank));
  }
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
