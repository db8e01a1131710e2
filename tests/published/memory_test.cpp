// Peak memory as measured: what the framework's allocator had handed out at most on one GPU.
//
// Source: runs of Megatron-LM on 8 B200 in SimuMax docs/b200/b200_release_v1.2_summary
// (MooreThreads/SimuMax at 4dcaae5), column "max allocated". Models are cut to a few layers.
#include "sim/plan/memory.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/scenario/model_file.hpp"

namespace towtank {
namespace {

struct MeasuredRun {
  std::string model;
  int layers = 0;
  int tensor = 1;
  int pipeline = 1;
  int data = 1;  // context ranks included
  int context = 1;
  int expert = 1;
  std::int64_t sequence = 4096;
  double gib = 0.0;  // measured
};

/// Those of different plans; runs of more micro-batches measured the same.
const std::vector<MeasuredRun>& measured_runs() {
  static const std::vector<MeasuredRun> kRuns = {
      {.model = "llama3-70b", .layers = 12, .tensor = 2, .data = 4, .gib = 60.68},
      {.model = "llama3-70b", .layers = 12, .tensor = 4, .data = 2, .gib = 39.07},
      {.model = "llama3-70b", .layers = 12, .tensor = 8, .gib = 28.29},
      {.model = "llama3-70b",
       .layers = 12,
       .data = 8,
       .context = 8,
       .sequence = 32768,
       .gib = 104.51},
      {.model = "llama3-70b",
       .layers = 12,
       .tensor = 2,
       .data = 4,
       .context = 4,
       .sequence = 131072,
       .gib = 112.67},
      {.model = "llama3-70b",
       .layers = 12,
       .data = 8,
       .context = 8,
       .sequence = 131072,
       .gib = 147.99},
      {.model = "llama3.1-405b", .layers = 4, .pipeline = 2, .data = 4, .gib = 87.08},
      {.model = "llama3.1-405b", .layers = 4, .tensor = 4, .data = 2, .gib = 52.89},
      {.model = "llama3.1-405b", .layers = 4, .tensor = 8, .gib = 38.57},
      {.model = "deepseek-v2", .layers = 4, .pipeline = 2, .data = 4, .expert = 4, .gib = 44.7},
      {.model = "deepseek-v2", .layers = 4, .data = 8, .expert = 8, .gib = 45.63},
      {.model = "deepseek-v3", .layers = 4, .data = 8, .expert = 8, .gib = 104.3},
      {.model = "deepseek-v3", .layers = 4, .pipeline = 2, .data = 4, .expert = 4, .gib = 114.0},
  };
  return kRuns;
}

/// The model with so many layers, one of them dense where the others have experts, and no MTP.
Architecture cut_model(const MeasuredRun& run) {
  const std::string path =
      std::string(TOWTANK_SOURCE_DIR) + "/scenarios/models/" + run.model + ".toml";
  Architecture model = read_model_file(path, {}).model;
  model.layers = run.layers;
  model.dense_layers = model.moe.experts > 0 ? 1 : run.layers;
  model.mtp_modules = 0;
  return model;
}

/// Megatron-LM's distributed optimizer, FP32 gradients and moments, layers divided evenly.
TrainingPlan plan_of(const MeasuredRun& run) {
  constexpr int kMicroBatches = 8;
  TrainingPlan plan;
  plan.tensor = run.tensor;
  plan.pipeline = run.pipeline;
  plan.data = run.data;
  plan.context = run.context;
  plan.expert = run.expert;
  plan.sequence = run.sequence;
  plan.batch = kMicroBatches * run.data / run.context;
  plan.stage_layers.assign(static_cast<std::size_t>(run.pipeline), run.layers / run.pipeline);
  plan.recipe = {.gemm = Precision::kBf16,
                 .recompute = {},
                 .moments = Precision::kFp32,
                 .gradients = Precision::kFp32,
                 .loss = Loss::kParallel};
  return plan;
}

double projected_gib(const MeasuredRun& run) {
  const Architecture model = cut_model(run);
  const TrainingPlan plan = plan_of(run);
  const Schedule schedule =
      make_schedule(plan.schedule, {.ranks = run.pipeline, .micro_batches = plan.micro_batches()});
  Bytes most;
  for (const MemoryUse& use :
       peak_memory(model, plan, schedule, make_stages(model, plan, schedule.stages))) {
    most = std::max(most, use.allocated());
  }
  return most / GiB;
}

TEST(MeasuredMemory, IsProjectedWithinFivePercentEachAndTwoOnAverage) {
  double sum = 0.0;
  for (const MeasuredRun& run : measured_runs()) {
    const double error = projected_gib(run) / run.gib - 1.0;
    EXPECT_LT(std::abs(error), 0.05)
        << run.model << ", tensor " << run.tensor << ", data " << run.data << ", sequence "
        << run.sequence << ": " << projected_gib(run) << " of " << run.gib << " GiB";
    sum += std::abs(error);
  }
  EXPECT_LT(sum / static_cast<double>(measured_runs().size()), 0.02);
}

}  // namespace
}  // namespace towtank
