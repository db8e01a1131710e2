#include "sim/published/project_step.hpp"

#include <algorithm>
#include <cstdint>

#include "sim/engine/simulate.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/training_step.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/result/critical_path.hpp"

namespace towtank {
namespace {

/// Rounds of one micro-batch for every pipeline rank after which a schedule repeats itself.
/// DualPipe fills and drains for two.
constexpr int kRoundsToSettle = 4;
constexpr int kFewMicroBatches = 16;  // so many are simulated whatever the pipeline

std::vector<ProjectedStep> simulated_steps(const Architecture& model,
                                           const TrainingPlan& plan,
                                           const Cluster& cluster,
                                           const KernelTimes& kernels,
                                           const std::vector<SoftwareStack>& stacks) {
  const JobLayout job = lay_out(model, plan, cluster, kernels.profile(), Folding::kFolded);
  OpGraph graph = lower_training_step(job);
  std::vector<ProjectedStep> steps;
  steps.reserve(stacks.size());
  for (const SoftwareStack& stack : stacks) {
    graph.stack = stack;
    const Timeline timeline = simulate({.graph = &graph,
                                        .profile = &kernels.profile(),
                                        .kernels = &kernels,
                                        .communication_sms = plan.communication_sms});
    steps.push_back(
        {.time = timeline.end, .error = error_of(critical_path(timeline)) / timeline.end});
  }
  return steps;
}

TrainingPlan with_rounds(TrainingPlan plan, int micro_batches) {
  plan.batch =
      static_cast<std::int64_t>(micro_batches) * plan.data / plan.context * plan.micro_batch;
  return plan;
}

}  // namespace

std::vector<ProjectedStep> project_steps(const Architecture& model,
                                         const TrainingPlan& plan,
                                         const Cluster& cluster,
                                         const KernelTimes& kernels,
                                         const std::vector<SoftwareStack>& stacks) {
  const int ranks = plan.pipeline;
  const int all = plan.micro_batches();
  // Both shorter steps have whole rounds, and as many over them as the step itself.
  const int over = all % ranks;
  const int settled = std::max(kRoundsToSettle * ranks, (kFewMicroBatches / ranks + 1) * ranks);
  const int shorter = settled + over;
  const int longer = shorter + std::max(2 * ranks, 4 / ranks * ranks);
  if (longer >= all) {
    return simulated_steps(model, plan, cluster, kernels, stacks);
  }
  const std::vector<ProjectedStep> few =
      simulated_steps(model, with_rounds(plan, shorter), cluster, kernels, stacks);
  std::vector<ProjectedStep> steps =
      simulated_steps(model, with_rounds(plan, longer), cluster, kernels, stacks);
  const double share = static_cast<double>(all - longer) / (longer - shorter);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i].time += share * (steps[i].time - few[i].time);
  }
  return steps;
}

ProjectedStep project_step(const Architecture& model,
                           const TrainingPlan& plan,
                           const Cluster& cluster,
                           const KernelTimes& kernels) {
  return project_steps(model, plan, cluster, kernels, {plan.stack}).front();
}

}  // namespace towtank
