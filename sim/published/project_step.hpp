// The time of one training step, and how sure it is.
#pragma once

#include <vector>

#include "sim/base/units.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/software_stack.hpp"
#include "sim/plan/training_plan.hpp"
#include "sim/profile/kernel_times.hpp"

namespace towtank {

struct ProjectedStep {
  Seconds time;
  double error = 0.0;  // relative, at 90%: of the kernels on the critical path
};

/// Simulates a step of a plan that suits the cluster and the GPU. A step of very many micro-batches
/// is extended from two shorter ones, as its steady state repeats itself.
ProjectedStep project_step(const Architecture& model,
                           const TrainingPlan& plan,
                           const Cluster& cluster,
                           const KernelTimes& kernels);

/// The same with each of the stacks in place of the plan's, which must have its step overhead.
std::vector<ProjectedStep> project_steps(const Architecture& model,
                                         const TrainingPlan& plan,
                                         const Cluster& cluster,
                                         const KernelTimes& kernels,
                                         const std::vector<SoftwareStack>& stacks);

}  // namespace towtank
