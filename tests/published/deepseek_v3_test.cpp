// The projection of DeepSeek-V3 on 2,048 H800s against the figures its makers published: arXiv
// 2412.19437 (Table 1), arXiv 2505.09343 (Table 4) and the public training trace. No parameter is
// fitted to the step time or to the GPU-hours; profiles/h800-sxm.toml says what rests on what.
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "reports/training_report.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

const std::string kRoot = TOWTANK_SOURCE_DIR;

TrainingReport projection(const std::string& name, const std::vector<Override>& overrides = {}) {
  const Scenario scenario = read_scenario(kRoot + "/scenarios/" + name + ".toml", overrides);
  return project_training(
      scenario, read_profile(kRoot + "/profiles", scenario.cluster.gpu), Folding::kFolded);
}

const TrainingReport& on_h800() {
  static const TrainingReport kReport = projection("deepseek-v3-h800");
  return kReport;
}

/// Relative miss of the projection in one metric of the scenario's [[published]] figures.
double miss(const std::string& metric) {
  for (const PublishedComparison& figure : on_h800().published) {
    if (figure.metric == metric) {
      return std::abs(figure.miss().value());
    }
  }
  ADD_FAILURE() << "the scenario names no published " << metric;
  return 1.0;
}

TEST(DeepSeekV3OnH800, StepIsWithin5PercentOfThePublishedStep) {
  EXPECT_LT(miss("step.seconds"), 0.05);
}

TEST(DeepSeekV3OnH800, PublishedStepLiesInThePrintedRange) {
  EXPECT_LT(on_h800().step.low / second, 19.926);
  EXPECT_GT(on_h800().step.high / second, 19.926);
}

TEST(DeepSeekV3OnH800, PhasesOfTheFirstPipelineRankAreWithin15Percent) {
  EXPECT_LT(miss("phases_seconds.forward"), 0.15);
  EXPECT_LT(miss("phases_seconds.backward"), 0.15);
  EXPECT_LT(miss("phases_seconds.weight"), 0.15);
  EXPECT_LT(miss("phases_seconds.overlapped"), 0.15);
}

// What the README says of the readings that are ours: how far the projection is without them.
TEST(DeepSeekV3OnH800, WithoutWaitingForPipelineSendsTheStepIsAThirdOfASecondShorter) {
  const TrainingReport overlapped = projection("deepseek-v3-h800",
                                               {{.key = "plan.blocking_pipeline", .value = "false"},
                                                {.key = "training.extension", .value = "[]"}});
  EXPECT_NEAR((on_h800().step.time - overlapped.step.time) / second, 0.3, 0.1);
  EXPECT_LT(overlapped.step.high / second, 21.0);
  EXPECT_GT(overlapped.step.high / second, 19.926);
}

TEST(DeepSeekV3OnH800, MeanOverRanksHasLessWeightTimeThanThePublishedRank) {
  EXPECT_LT(on_h800().mean_phases.weight / second, 0.85 * 0.48);
  EXPECT_NEAR(on_h800().mean_phases.forward / second, 1.13, 0.15 * 1.13);
  EXPECT_NEAR(on_h800().mean_phases.overlapped / second, 13.95, 0.15 * 13.95);
}

TEST(DeepSeekV3OnH800, CausalMfuIsWithinTwoPoints) {
  EXPECT_NEAR(on_h800().efficiency.mfu_causal, 0.3894, 0.02);
}

TEST(DeepSeekV3OnH800, PreTrainingGpuHoursAreWithin5Percent) {
  EXPECT_LT(miss("run.gpu_hours"), 0.05);
}

TEST(DeepSeekV3OnH800, OverlappedPairOfFourLayersIsWithin10PercentOfTheTrace) {
  EXPECT_EQ(on_h800().pair.layers, 4);
  EXPECT_LT(miss("pair.seconds"), 0.10);
}

TEST(DeepSeekV3OnH800, FitsIntoTheMemoryItRanIn) {
  EXPECT_TRUE(on_h800().memory.fits);
}

TEST(DeepSeekV3OnH100, NvlinkHardlyMattersBecauseTheNetworkCardCarriesTheExperts) {
  const TrainingReport h100 = projection("deepseek-v3-h100");
  EXPECT_LT(h100.step.time, on_h800().step.time);
  EXPECT_GT(h100.step.time, 0.98 * on_h800().step.time);
}

TEST(DeepSeekV3OnH800, StepTimeIsLinearInMicroBatchesOnceThePipelineIsFull) {
  const auto step_at = [](int batch) {
    return projection("deepseek-v3-h800",
                      {{.key = "training.batch", .value = std::to_string(batch)},
                       {.key = "training.extension", .value = "[]"}})
        .step.time;
  };
  const Seconds half = step_at(7680);
  const Seconds three_quarters = step_at(11520);
  const Seconds full = on_h800().step.time;
  EXPECT_NEAR(three_quarters / ((half + full) / 2.0), 1.0, 0.002);
}

}  // namespace
}  // namespace towtank
