#include "sim/published/plan_choice.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

#include "sim/plan/memory.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/stages.hpp"
#include "sim/published/recompute_words.hpp"
#include "sim/published/stage_division.hpp"

namespace towtank {
namespace {

/// Ranks among which layers are shared, and how.
struct Degrees {
  int tensor = 1;
  int pipeline = 1;
  int context = 1;
  int expert = 1;
  int expert_tensor = 1;
  int interleave = 1;

  auto preference() const {
    return std::tuple(tensor * pipeline * context, pipeline, context, expert);
  }
};

std::vector<Degrees> degrees_of(const PlanOptions& options) {
  std::vector<Degrees> all;
  for (const int tensor : options.tensor) {
    for (const int pipeline : options.pipeline) {
      for (const int context : options.context) {
        for (const int expert : options.expert) {
          for (const int expert_tensor : options.expert_tensor) {
            for (const int interleave : options.interleave) {
              all.push_back({tensor, pipeline, context, expert, expert_tensor, interleave});
            }
          }
        }
      }
    }
  }
  std::ranges::stable_sort(all, {}, [](const Degrees& degrees) { return degrees.preference(); });
  return all;
}

/// Stages a rank that leave each stage about so many layers.
int interleave_for(const Architecture& model, int pipeline, int layers_per_stage) {
  const std::int64_t stages = model.layers / layers_per_stage;
  return static_cast<int>(std::max<std::int64_t>(stages / pipeline, 1));
}

TrainingPlan plan_with(const Architecture& model,
                       const TrainingPlan& base,
                       const PlanOptions& options,
                       const Degrees& degrees,
                       int gpus) {
  TrainingPlan plan = base;
  plan.tensor = degrees.tensor;
  plan.pipeline = degrees.pipeline;
  plan.context = degrees.context;
  plan.expert = degrees.expert;
  plan.expert_tensor = degrees.expert_tensor;
  plan.data = gpus / (plan.tensor * plan.pipeline);
  int interleave = degrees.interleave;
  if (options.layers_per_stage > 0) {
    interleave = interleave_for(model, plan.pipeline, options.layers_per_stage);
  }
  if (plan.pipeline > 1 && interleave > 1) {
    plan.schedule = ScheduleKind::kInterleaved1F1B;
    plan.interleave = interleave;
  } else if (plan.pipeline == 1) {
    plan.schedule = ScheduleKind::k1F1B;
  }
  if (options.even_stages) {
    plan.stage_layers =
        even_stage_layers(model.layers, std::int64_t{plan.pipeline} * plan.interleave);
  }
  plan.sequence_parallel = base.sequence_parallel && plan.tensor > 1;
  if (plan.zero_stage == 3 && plan.pipeline > 1) {
    plan.zero_stage = 2;  // in pipelines, parameters stay gathered from one micro-batch to the next
  }
  return plan;
}

/// Sizes of micro-batches to try: the stated one; else one sequence in pipelines, which want many
/// of them, and the largest that divides without a pipeline, up to kLargestMicroBatch, or up to the
/// whole batch of a replica where parameters are gathered for each of them.
std::vector<int> micro_batches_of(const TrainingPlan& plan,
                                  const std::optional<std::int64_t>& stated) {
  constexpr std::int64_t kLargestMicroBatch = 4;
  constexpr std::int64_t kLargestGathered = 64;
  if (stated) {
    return {static_cast<int>(*stated)};
  }
  std::vector<int> sizes;
  if (plan.pipeline == 1 && plan.data % plan.context == 0) {
    const std::int64_t of_replica = plan.batch * plan.context / plan.data;
    const std::int64_t most = plan.zero_stage == 3 ? kLargestGathered : kLargestMicroBatch;
    for (std::int64_t size = std::min(of_replica, most); size > 1; --size) {
      if (of_replica % size == 0) {
        sizes.push_back(static_cast<int>(size));
      }
    }
  }
  sizes.push_back(1);
  return sizes;
}

/// Peak memory of the fullest rank. Later micro-batches add nothing to it.
Bytes most_memory(const Architecture& model, TrainingPlan plan) {
  const auto size_of = [](const TrainingPlan& of) {
    return ScheduleSize{
        .ranks = of.pipeline, .micro_batches = of.micro_batches(), .interleave = of.interleave};
  };
  const int enough = 4 * plan.pipeline;
  if (plan.micro_batches() > enough) {
    TrainingPlan shorter = plan;
    shorter.batch = static_cast<std::int64_t>(enough) * plan.data / plan.context * plan.micro_batch;
    if (!schedule_problem(shorter.schedule, size_of(shorter))) {
      plan = shorter;
    }
  }
  const Schedule schedule = make_schedule(plan.schedule, size_of(plan));
  Bytes most;
  for (const MemoryUse& use :
       peak_memory(model, plan, schedule, make_stages(model, plan, schedule.stages))) {
    most = std::max(most, use.total());
  }
  return most;
}

}  // namespace

std::optional<ChosenPlan> choose_plan(const Architecture& model,
                                      const TrainingPlan& base,
                                      const PlanOptions& options,
                                      int gpus,
                                      Bytes memory,
                                      std::string& problem) {
  std::optional<TrainingPlan> smallest;
  Bytes least;
  const std::vector<Degrees> all = degrees_of(options);
  for (const Recompute& recompute : options.recompute) {
    for (const Degrees& degrees : all) {
      TrainingPlan plan = plan_with(model, base, options, degrees, gpus);
      plan.recipe.recompute = recompute;
      for (const int micro_batch : micro_batches_of(plan, options.micro_batch)) {
        plan.micro_batch = micro_batch;
        if (std::optional<std::string> why = plan_problem(model, plan, gpus)) {
          problem = *std::move(why);
          continue;
        }
        const Bytes needed = most_memory(model, plan);
        if (needed <= memory) {
          return ChosenPlan{.plan = std::move(plan), .fits = true};
        }
        if (!smallest || needed < least) {
          smallest = plan;
          least = needed;
        }
      }
    }
  }
  if (!smallest) {
    return std::nullopt;
  }
  // The run did fit: the account is off, and tells nothing about recomputation.
  smallest->recipe.recompute = options.recompute.front();
  return ChosenPlan{.plan = *std::move(smallest), .fits = false};
}

}  // namespace towtank
