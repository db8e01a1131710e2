// The [plan] table: parallel ranks, what is sharded, overlapped and recomputed, and in which
// precision.
#include "sim/scenario/plan_reader.hpp"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// GPT-3 on 64 GPUs; `settings` come on top.
TrainingPlan gpt_plan(std::vector<std::string> settings) {
  settings.insert(settings.begin(),
                  {"model={base = \"models/gpt3-175b.toml\"}",
                   "cluster.nodes=8",
                   "plan.pipeline=4",
                   "plan.expert=1",
                   "plan.schedule=1f1b",
                   "plan.recompute=[]",
                   "plan.precision=bf16",
                   "training.sequence=2048",
                   "training.batch=64",
                   "training.ramp.from=64",
                   "training.extension=[]"});
  return with(settings).plan;
}

std::string mistake_of_gpt(std::vector<std::string> settings) {
  try {
    gpt_plan(std::move(settings));
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics().size(), 1U) << error.what();
    return error.what();
  }
  return {};
}

std::map<std::string, std::string> plan_entries(const std::vector<std::string>& settings) {
  std::map<std::string, std::string> entries;
  for (const ScenarioEntry& entry : with(settings).entries) {
    if (entry.key.starts_with("plan.")) {
      entries[entry.key] = entry.value;
    }
  }
  return entries;
}

TEST(Plan, DataRanksAreWhatPipelineAndTensorRanksLeave) {
  EXPECT_EQ(gpt_plan({}).data, 16);
  const TrainingPlan plan = gpt_plan({"plan.tensor=8"});
  EXPECT_EQ(plan.tensor, 8);
  EXPECT_EQ(plan.data, 2);
  EXPECT_EQ(plan.ranks(), 64);
  EXPECT_EQ(plan.own_tokens(), 256);
  EXPECT_EQ(gpt_plan({"plan.tensor=8", "plan.sequence_parallel=false"}).own_tokens(), 2048);
}

TEST(Plan, SaysWhatDoesNotMultiplyUp) {
  EXPECT_THAT(mistake_of_gpt({"plan.tensor=8", "plan.data=4"}),
              HasSubstr("pipeline 4 x data 4 x tensor 8 is 128 ranks"));
  EXPECT_THAT(mistake_of_gpt({"plan.tensor=3"}),
              AllOf(HasSubstr("16 GPUs of a pipeline stage"), HasSubstr("tensor = 2 or 4")));
}

TEST(Plan, TensorRanksDivideHeadsColumnsAndTokens) {
  const std::vector<std::string> nodes = {"cluster.nodes=20", "training.batch=320"};
  const auto with_tensor = [&](int tensor, const std::string& more) {
    std::vector<std::string> settings = nodes;
    settings.push_back("plan.tensor=" + std::to_string(tensor));
    settings.push_back(more);
    return mistake_of_gpt(settings);
  };
  EXPECT_THAT(with_tensor(5, "title=x"), HasSubstr("96 heads do not divide over 5"));
  EXPECT_THAT(with_tensor(5, "model.attention={kind = \"gqa\", heads = 100, head_dim = 128}"),
              HasSubstr("49,152 columns"));
  EXPECT_THAT(with_tensor(8, "training.sequence=1020"), HasSubstr("1,020 tokens"));
  EXPECT_EQ(
      mistake_of_gpt({"plan.tensor=8", "training.sequence=1020", "plan.sequence_parallel=false"}),
      "");
}

TEST(Plan, TensorRanksMayHaveCopiesOfKeyAndValueHeads) {
  const std::string llama = "model={base = \"models/llama3-70b.toml\"}";  // 8 key/value heads
  EXPECT_EQ(mistake_of_gpt({llama, "plan.tensor=16"}), "");
  EXPECT_THAT(mistake_of_gpt({llama,
                              "model.attention.heads=96",
                              "model.attention.head_dim=128",
                              "model.dense_intermediate=28704",
                              "cluster.nodes=24",
                              "training.batch=192",
                              "training.sequence=3072",
                              "plan.tensor=12"}),
              HasSubstr("8 key/value heads do not divide over 12"));
}

TEST(Plan, ExpertsOfTensorRanksNeedTheirOwnTokens) {
  const std::vector<Diagnostic> mistakes =
      mistakes_with({"plan.tensor=2", "plan.sequence_parallel=false"});
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_THAT(mistakes[0].message, HasSubstr("the same tokens"));
}

// 128 data ranks are 64 x 2 tensor ranks: as many for the experts.
TEST(Plan, ExpertGroupsCutDataAndTensorRanksTogether) {
  const Scenario scenario = with({"plan.tensor=2", "plan.expert_tensor=2"});
  EXPECT_EQ(scenario.plan.data, 64);
  EXPECT_EQ(scenario.plan.positions(), 128);
  EXPECT_THAT(mistakes_with({"plan.expert_tensor=4"}).front().message,
              HasSubstr("groups of 256 for experts"));
}

TEST(Plan, ShardsOverAllDataRanksOrGroupsOfThem) {
  EXPECT_EQ(gpt_plan({}).shard, 0);
  EXPECT_EQ(gpt_plan({"plan.zero=3", "plan.shard=8"}).shard, 8);
  EXPECT_THAT(mistake_of_gpt({"plan.shard=8", "plan.zero=0"}), HasSubstr("zero = 0"));
  EXPECT_THAT(mistake_of_gpt({"plan.shard=5", "plan.zero=3"}), HasSubstr("shard = 4 would do"));
}

TEST(Plan, NamesPrecisionsByWhatStoresAndMultipliesAlike) {
  EXPECT_EQ(gpt_plan({"plan.precision=fp16"}).recipe.gemm, Precision::kBf16);
  EXPECT_EQ(gpt_plan({"plan.precision=mxfp8"}).recipe.gemm, Precision::kFp8);
  EXPECT_EQ(gpt_plan({"plan.precision=fp8"}).recipe.gemm, Precision::kFp8);
  EXPECT_EQ(gpt_plan({"plan.precision=nvfp4"}).recipe.gemm, Precision::kFp4);
  EXPECT_EQ(plan_entries({"plan.precision=mxfp8"}), plan_entries({"plan.precision=fp8"}));
}

TEST(Plan, KeepsMomentsAndGradientsInFp32UnlessItSaysSo) {
  EXPECT_EQ(gpt_plan({"plan.moments=fp32"}).recipe.moments, Precision::kFp32);
  const TemporaryFolder folder;
  const Recipe usual = read_scenario(folder.write("small.toml", whole_scenario()), {}).plan.recipe;
  EXPECT_EQ(usual.moments, Precision::kFp32);
  EXPECT_EQ(usual.gradients, Precision::kFp32);
  EXPECT_EQ(gpt_plan({"plan.gradients=bf16"}).recipe.gradients, Precision::kBf16);
}

TEST(Plan, RecomputesWhatItNames) {
  const auto words = [](const std::string& list) {
    return recompute_words(gpt_plan({"plan.recompute=" + list}).recipe.recompute);
  };
  EXPECT_THAT(words("[]"), IsEmpty());
  EXPECT_THAT(words("[\"layers\"]"), ElementsAre("layers"));
  EXPECT_THAT(words("[\"full\"]"), ElementsAre("layers"));
  EXPECT_THAT(words("[\"mlp\", \"core-attention\", \"norms\"]"),
              ElementsAre("norms", "core-attention", "mlp"));
  EXPECT_TRUE(gpt_plan({"plan.recompute=[\"activation\"]"}).recipe.recompute.swiglu);
}

TEST(Plan, RecomputesOnlyWhatTheModelHas) {
  EXPECT_THAT(mistake_of_gpt({"plan.recompute=[\"swiglu\"]"}), HasSubstr("\"activation\""));
  EXPECT_THAT(mistake_of_gpt({"plan.recompute=[\"shared-experts\"]"}), HasSubstr("has none"));
  EXPECT_EQ(with({"plan.recompute=[\"shared-experts\"]"}).plan.recipe.recompute.shared_experts,
            true);
}

TEST(Plan, OverlapsWhatItSays) {
  const Overlap overlap = gpt_plan({"plan.overlap={tensor = true, experts = false}"}).overlap;
  EXPECT_TRUE(overlap.tensor);
  EXPECT_FALSE(overlap.experts);
  EXPECT_EQ(overlap.gradients, Overlap().gradients);
  EXPECT_THAT(mistake_of_gpt({"plan.overlap.gradient=true"}), HasSubstr("'gradients'"));
}

TEST(Plan, ShowsEveryChoiceInItsEntries) {
  const auto usual = plan_entries({});
  for (const char* setting : {"plan.tensor=2",
                              "plan.zero=3",
                              "plan.zero=2",
                              "plan.shard=64",
                              "plan.overlap.tensor=true",
                              "plan.overlap.experts=false",
                              "plan.moments=fp32",
                              "plan.gradients=bf16",
                              "plan.precision=nvfp4",
                              "plan.loss=fused",
                              "plan.recompute=[\"layers\"]"}) {
    EXPECT_NE(plan_entries({setting}), usual) << setting;
  }
  EXPECT_EQ(plan_entries({"plan.shard=128"}), usual);  // all of them
}

TEST(Plan, SaysHowSequencesAreSharedAndTokensSent) {
  const TrainingPlan ring =
      gpt_plan({"plan.context=2", "plan.context_exchange=ring", "plan.fused_attention=true"});
  EXPECT_EQ(ring.context_exchange, ContextExchange::kRing);
  EXPECT_EQ(gpt_plan({"plan.context=2"}).context_exchange, ContextExchange::kAllGather);
  EXPECT_TRUE(gpt_plan({}).forwards_in_node);
  EXPECT_FALSE(gpt_plan({"plan.dispatch=all-to-all"}).forwards_in_node);
  EXPECT_THAT(mistake_of_gpt({"plan.context=2", "plan.fused_attention=false"}),
              HasSubstr("scores"));
}

TEST(Plan, OverlapsNoAllReducesOfTensorRanks) {
  const std::vector<std::string> settings = {"plan.tensor=4", "plan.sequence_parallel=false"};
  EXPECT_EQ(mistake_of_gpt(settings), "");
  EXPECT_THAT(mistake_of_gpt({settings[0], settings[1], "plan.overlap.tensor=true"}),
              HasSubstr("all-reduces"));
}

TEST(Stack, AddsNothingWhereThereIsNone) {
  const SoftwareStack none = gpt_plan({}).stack;
  EXPECT_EQ(none.compute_slowdown, 1.0);
  EXPECT_EQ(none.launch, Seconds());
}

TEST(Stack, StartsFromAFileAndSaysOtherNumbersForOtherGpus) {
  const TemporaryFolder folder;
  const std::string file = folder.write("stack.toml",
                                        "name = \"test\"\nsource = \"a test\"\n"
                                        "compute_slowdown = 1.2\nlaunch = \"5 us\"\n"
                                        "[gpu.h800-sxm]\ncompute_slowdown = 1.3\n"
                                        "[gpu.a100-sxm]\nlaunch = \"9 us\"\n");
  const SoftwareStack stack = gpt_plan({"stack=" + file}).stack;
  EXPECT_EQ(stack.name, "test");
  EXPECT_DOUBLE_EQ(stack.compute_slowdown, 1.3);
  EXPECT_DOUBLE_EQ(stack.launch.si(), 5e-6);
  EXPECT_THAT(mistake_of_gpt({"stack=" + file, "stack.compute_slowdown=0"}),
              HasSubstr("compute_slowdown"));
}

}  // namespace
}  // namespace towtank
