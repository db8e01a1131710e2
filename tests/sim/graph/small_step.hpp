// Training steps small enough for every rank to be in the graph.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/graph/training_step.hpp"
#include "sim/profile/profile.hpp"
#include "tests/sim/model/architectures.hpp"

namespace towtank {

/// A GPU of which nothing was measured: every kernel takes its datasheet's time. Links start late
/// and carry less while the GPU computes.
inline Profile datasheet_profile() {
  Profile profile;
  profile.gpu = {.name = "test",
                 .sms = 132,
                 .bf16_peak = 989 * TFLOP / second,
                 .fp8_peak = 1979 * TFLOP / second,
                 .memory_bandwidth = 3.35 * TB / second,
                 .memory = 80 * GiB};
  profile.fallback.source = "test";
  profile.launch = 2.0 * microsecond;
  for (auto& of_kind : profile.links) {
    for (LinkEfficiency& link : of_kind) {
      link.alone = 0.9;
      link.shared = 0.8;
      link.start_up = 5.0 * microsecond;
    }
  }
  return profile;
}

inline const Profile& datasheet() {
  static const Profile profile = datasheet_profile();
  return profile;
}

/// The parallel degrees of a step.
struct Degrees {
  int pipeline = 1;
  int data = 1;
  int expert = 1;
  int context = 1;
  int tensor = 1;
  int expert_tensor = 1;
};

/// A model on a cluster that its plan fills.
struct SmallStep {
  Architecture model = small_model();
  TrainingPlan plan;
  Cluster cluster;

  OpGraph lower(Folding folding, const Profile& profile = datasheet()) const {
    return lower_training_step(model, plan, cluster, profile, folding);
  }
  JobLayout lay_out(Folding folding, const Profile& profile = datasheet()) const {
    return towtank::lay_out(model, plan, cluster, profile, folding);
  }
  Schedule schedule() const {
    return make_schedule(plan.schedule,
                         {.ranks = plan.pipeline,
                          .micro_batches = plan.micro_batches(),
                          .interleave = plan.interleave});
  }
  std::string text() const {
    return fmt::format(
        "{}, pipeline {}, data {}, expert {} x {}, context {}, tensor {}, zero {}{}, {} x {} "
        "GPUs{}",
        name(plan.schedule),
        plan.pipeline,
        plan.data,
        plan.expert,
        plan.expert_tensor,
        plan.context,
        plan.tensor,
        plan.zero_stage,
        plan.blocking_pipeline ? ", blocking" : "",
        cluster.nodes,
        cluster.gpus_per_node,
        fabric_text());
  }
  std::string fabric_text() const {
    if (!cluster.fabric) {
      return "";
    }
    return fmt::format(", {}, {}, {} cards a GPU, {} GPUs a card, {} faults",
                       name(cluster.fabric->kind),
                       name(cluster.fabric->routing),
                       cluster.fabric->nics_per_gpu,
                       cluster.fabric->gpus_per_nic,
                       cluster.fabric->faults.size());
  }
};

/// As many micro-batches as the most demanding schedule needs; 4 GPUs a node, or one part of a
/// node.
inline SmallStep small_step(ScheduleKind kind, const Degrees& degrees) {
  SmallStep step;
  step.plan.pipeline = degrees.pipeline;
  step.plan.data = degrees.data;
  step.plan.expert = degrees.expert;
  step.plan.context = degrees.context;
  step.plan.tensor = degrees.tensor;
  step.plan.expert_tensor = degrees.expert_tensor;
  step.plan.schedule = kind;
  step.plan.interleave = kind == ScheduleKind::kInterleaved1F1B ? 2 : 1;
  step.plan.sequence = 2048;
  step.plan.batch = 2L * degrees.pipeline * degrees.data / degrees.context;
  step.plan.recipe.gemm = Precision::kFp8Block;
  const int ranks = step.plan.ranks();
  step.cluster = {.name = "small",
                  .gpu = "test",
                  .nodes = ranks < 4 ? 1 : ranks / 4,
                  .gpus_per_node = ranks < 4 ? ranks : 4,
                  .nvlink = {.bandwidth = 200 * GB / second, .latency = 1.0 * microsecond},
                  .nic = {.bandwidth = 50 * GB / second, .latency = 3.0 * microsecond}};
  return step;
}

/// Every schedule on meshes whose expert-parallel groups are a part of a node, one, two and four
/// nodes, with one, two and four of them a pipeline stage, and with pipeline ranks that share
/// nodes.
inline std::vector<SmallStep> small_steps() {
  const std::vector<Degrees> meshes = {{.pipeline = 2, .data = 8, .expert = 4},
                                       {.pipeline = 2, .data = 8, .expert = 8},
                                       {.pipeline = 2, .data = 16, .expert = 16},
                                       {.pipeline = 2, .data = 16, .expert = 4, .context = 2},
                                       {.pipeline = 4, .data = 8, .expert = 2, .context = 2},
                                       {.pipeline = 4, .data = 4, .expert = 4},
                                       {.pipeline = 4, .data = 2, .expert = 2}};
  std::vector<SmallStep> steps;
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (const Degrees& mesh : meshes) {
      SmallStep step = small_step(kind, mesh);
      step.plan.blocking_pipeline = steps.size() % 2 == 1;
      step.plan.zero_stage = steps.size() % 3 == 1 ? 0 : 1;
      steps.push_back(step);
    }
  }
  return steps;
}

/// DeepSeek-V3 as it was trained, on 2,048 GPUs.
inline SmallStep deepseek_v3_step(ScheduleKind kind) {
  SmallStep step = small_step(kind, {.pipeline = 16, .data = 128, .expert = 64});
  step.model = deepseek_v3();
  step.plan.sequence = 4096;
  step.plan.batch = 15360;
  step.cluster.nodes = 256;
  step.cluster.gpus_per_node = 8;
  return step;
}

}  // namespace towtank
