#include "sim/published/run_scenario.hpp"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/published/measured.hpp"
#include "sim/published/project_step.hpp"
#include "tests/sim/published/run_maker.hpp"

namespace towtank {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const RunLibrary& library() {
  static const RunLibrary kLibrary(TOWTANK_SOURCE_DIR);
  return kLibrary;
}

std::map<std::string, std::string> llama_row() {
  return {{"id", "a"},
          {"source", "NVIDIA/dgxc-benchmarking 24.11.1"},
          {"model", "Llama 3.1 70B"},
          {"params_total_B", "70.6"},
          {"gpu", "H100-80GB"},
          {"n_gpus", "64"},
          {"precision", "BF16"},
          {"seq_len", "8192"},
          {"global_batch", "128"},
          {"micro_batch", "1"},
          {"tp", "4"},
          {"pp", "4"},
          {"vp", "5"},
          {"cp", "2"},
          {"step_time_s", "14.7"}};
}

RunScenario scenario_with(std::map<std::string, std::string> row,
                          const std::map<std::string, std::string>& cells) {
  for (const auto& [column, cell] : cells) {
    row[column] = cell;
  }
  return scenario_of(run_of(row), library());
}

TEST(RunScenario, TakesAPlanAsTheRowSaysIt) {
  const RunScenario scenario = scenario_with(llama_row(), {});
  EXPECT_EQ(scenario.plan.tensor, 4);
  EXPECT_EQ(scenario.plan.pipeline, 4);
  EXPECT_EQ(scenario.plan.interleave, 5);
  EXPECT_EQ(scenario.plan.schedule, ScheduleKind::kInterleaved1F1B);
  EXPECT_EQ(scenario.plan.context, 2);
  EXPECT_EQ(scenario.plan.data, 4);  // context ranks included
  EXPECT_EQ(scenario.plan.micro_batches(), 64);
  EXPECT_EQ(scenario.cluster.gpus(), 64);
  EXPECT_EQ(scenario.habits->stack.name, "NeMo 2024");
}

TEST(RunScenario, BlankDegreesBecomeAPlanThatDividesAndIsTold) {
  const RunScenario scenario = scenario_with(
      llama_row(), {{"tp", ""}, {"pp", ""}, {"vp", ""}, {"cp", ""}, {"micro_batch", ""}});
  EXPECT_EQ(scenario.plan.ranks(), 64);
  EXPECT_THAT(scenario.assumptions, Contains(HasSubstr("tp ")));
  EXPECT_THAT(scenario.assumptions, Contains(HasSubstr("pp ")));
  EXPECT_THAT(scenario.assumptions, Contains(HasSubstr("micro-batch")));
}

TEST(RunScenario, DegreesThatDoNotDivideAreTheReason) {
  EXPECT_THROW(scenario_with(llama_row(), {{"tp", "3"}}), InputError);
  EXPECT_THROW(scenario_with(llama_row(), {{"n_gpus", "60"}}), InputError);
  EXPECT_THROW(scenario_with(llama_row(), {{"gpu", "TPU-v5p"}}), InputError);
  EXPECT_THROW(scenario_with(llama_row(), {{"precision", "INT3"}}), InputError);
  EXPECT_THROW(scenario_with(llama_row(), {{"seq_len", ""}}), InputError);
  EXPECT_THROW(scenario_with(llama_row(), {{"n_gpus", ""}}), InputError);
  EXPECT_THROW(scenario_with(llama_row(), {{"ep", "8"}}), InputError);
}

TEST(RunScenario, ShardsParametersWhereTheRowSaysFsdp) {
  const RunScenario scenario = scenario_with(llama_row(),
                                             {{"tp", "1"},
                                              {"pp", "1"},
                                              {"vp", ""},
                                              {"cp", "1"},
                                              {"dp", "32"},
                                              {"confidence", "confirmed; FSDP 32"}});
  EXPECT_EQ(scenario.plan.zero_stage, 3);
  EXPECT_EQ(scenario.plan.shard, 32);
}

TEST(RunScenario, RacksAreSharedOutEvenly) {
  const RunScenario scenario =
      scenario_with(llama_row(), {{"gpu", "GB200"}, {"n_gpus", "256"}, {"global_batch", "512"}});
  EXPECT_EQ(scenario.cluster.gpus_per_node, 64);
  EXPECT_EQ(scenario.cluster.nodes, 4);
}

TEST(RunScenario, StepTimeTokensAndTflopsSayTheSameStep) {
  const RunScenario scenario = scenario_with(llama_row(), {});
  const PublishedRun step = run_of(llama_row());
  PublishedRun tokens = step;
  tokens.step_seconds.reset();
  tokens.tokens_per_second = 128.0 * 8192.0 / 64.0 / 14.7;
  PublishedRun work = step;
  work.step_seconds.reset();
  const Flops per_token =
      training_flops_per_token(scenario.model, 8192, scenario.habits->attention);
  work.teraflops = *tokens.tokens_per_second * per_token / TFLOP;
  EXPECT_NEAR(measured_step(step, scenario)->si(), 14.7, 1e-9);
  EXPECT_NEAR(measured_step(tokens, scenario)->si(), 14.7, 1e-9);
  EXPECT_NEAR(measured_step(work, scenario)->si(), 14.7, 1e-9);
}

TEST(ProjectStep, ALongStepIsExtendedFromShorterOnes) {
  // 32 micro-batches are extended from 16 and 24; against each other as steps of whole rounds.
  RunScenario scenario = scenario_with(llama_row(),
                                       {{"model", "Llama 3 70B truncated to 8 layers"},
                                        {"params_total_B", ""},
                                        {"vp", "1"},
                                        {"cp", "1"},
                                        {"n_gpus", "16"}});
  const KernelTimes kernels(*scenario.profile);
  const auto step_of = [&](std::int64_t micro_batches) {
    scenario.plan.batch = micro_batches * scenario.plan.data;
    return project_step(scenario.model, scenario.plan, scenario.cluster, kernels).time.si();
  };
  const double each = (step_of(24) - step_of(20)) / 4.0;  // simulated as they are
  EXPECT_NEAR(step_of(64), step_of(24) + 40.0 * each, 1e-3 * step_of(64));
}

}  // namespace
}  // namespace towtank
