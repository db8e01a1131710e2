// Folding is exact: one rank a class, or all ranks, every event starts and ends at the same time.
#include <gtest/gtest.h>

#include "tests/agree/folded_timeline.hpp"

namespace towtank {
namespace {

class FoldedStep : public testing::TestWithParam<SmallStep> {};

TEST_P(FoldedStep, HasTheEventsAndLoadsOfEveryRankItStandsFor) {
  SCOPED_TRACE(GetParam().text());
  const FoldedAndWhole both(GetParam());
  ASSERT_LT(both.folded().ranks.size(), both.whole().ranks.size());
  both.expect_same_events();
  both.expect_same_loads();
}

std::string test_name(const testing::TestParamInfo<SmallStep>& info) {
  const TrainingPlan& plan = info.param.plan;
  std::string schedule(name(plan.schedule));
  std::erase(schedule, '-');
  return fmt::format("{}_pipeline{}_data{}_expert{}_context{}",
                     schedule,
                     plan.pipeline,
                     plan.data,
                     plan.expert,
                     plan.context);
}

/// A step of another model in BF16, on every schedule.
std::vector<SmallStep> steps_of(const Architecture& model, const std::vector<Degrees>& meshes) {
  std::vector<SmallStep> steps;
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (const Degrees& mesh : meshes) {
      SmallStep& step = steps.emplace_back(small_step(kind, mesh));
      step.model = model;
      step.plan.recipe.gemm = Precision::kBf16;
    }
  }
  return steps;
}

/// Steps whose ranks share layers, with and without what may overlap, sharded in every way.
std::vector<SmallStep> tensor_steps() {
  std::vector<SmallStep> steps;
  const auto add = [&steps](const Degrees& degrees) -> TrainingPlan& {
    SmallStep& step = steps.emplace_back(small_step(ScheduleKind::k1F1B, degrees));
    step.model = degrees.expert > 1 ? small_interleaved_model() : small_dense_model();
    step.plan.recipe.gemm = Precision::kBf16;
    return step.plan;
  };
  add({.pipeline = 2, .data = 4, .tensor = 4});
  add({.pipeline = 2, .data = 4, .context = 2, .tensor = 2}).sequence_parallel = false;
  add({.pipeline = 2, .data = 4, .tensor = 2}).overlap = {
      .tensor = true, .gradients = true, .parameters = true};
  TrainingPlan& ring = add({.pipeline = 4, .data = 4, .context = 2, .tensor = 2});
  ring.context_exchange = ContextExchange::kRing;
  ring.recipe.recompute.layers = true;
  add({.pipeline = 1, .data = 8, .tensor = 4}).zero_stage = 3;
  TrainingPlan& hybrid = add({.pipeline = 1, .data = 16});
  hybrid.zero_stage = 3;
  hybrid.shard = 4;
  TrainingPlan& experts = add({.pipeline = 2, .data = 8, .expert = 4, .tensor = 2});
  experts.overlap.experts = false;
  experts.forwards_in_node = false;
  experts.recipe.recompute.mlp = true;
  add({.pipeline = 2, .data = 8, .expert = 4, .tensor = 2, .expert_tensor = 2}).zero_stage = 2;
  return steps;
}

/// What is gathered for overlapped chunks, of models with experts and an MTP module.
std::vector<SmallStep> sharded_steps() {
  std::vector<SmallStep> steps;
  for (const ScheduleKind kind : {ScheduleKind::kDualPipe, ScheduleKind::kInterleaved1F1B}) {
    for (const int zero : {1, 3}) {
      SmallStep& step =
          steps.emplace_back(small_step(kind, {.pipeline = 2, .data = 8, .expert = 4}));
      step.plan.zero_stage = zero;
      step.plan.overlap = {.gradients = true, .parameters = true};
    }
  }
  return steps;
}

std::string number(const testing::TestParamInfo<SmallStep>& info) {
  return fmt::format("Step{}", info.index);
}

INSTANTIATE_TEST_SUITE_P(ShardedParameters, FoldedStep, testing::ValuesIn(sharded_steps()), number);
INSTANTIATE_TEST_SUITE_P(SharedLayers, FoldedStep, testing::ValuesIn(tensor_steps()), number);
INSTANTIATE_TEST_SUITE_P(DenseModel,
                         FoldedStep,
                         testing::ValuesIn(steps_of(small_dense_model(),
                                                    {{.pipeline = 2, .data = 8},
                                                     {.pipeline = 4, .data = 4, .context = 2}})),
                         test_name);
INSTANTIATE_TEST_SUITE_P(
    ExpertsInEverySecondLayer,
    FoldedStep,
    testing::ValuesIn(steps_of(small_interleaved_model(),
                               {{.pipeline = 2, .data = 8, .expert = 4},
                                {.pipeline = 2, .data = 8, .expert = 8, .context = 2}})),
    test_name);
INSTANTIATE_TEST_SUITE_P(Schedules, FoldedStep, testing::ValuesIn(small_steps()), test_name);

}  // namespace
}  // namespace towtank
