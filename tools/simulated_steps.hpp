// The steps of a scenario's plans, simulated.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sim/engine/simulate.hpp"
#include "sim/graph/group_traffic.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/plan/training_plan.hpp"
#include "sim/profile/kernel_times.hpp"
#include "sim/result/timeline.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// One simulated step of a plan.
struct SimulatedStep {
  TrainingPlan plan;
  std::unique_ptr<const OpGraph> graph;
  std::vector<GroupTraffic> groups;
  Timeline timeline;
  double error = 0.0;  // relative, at 90%
};

inline constexpr double kMostSimulated = 3e8;  // activities of all steps: ten minutes, as many GB
inline constexpr std::size_t kMostClasses = 4096;

/// What would leave fewer classes of ranks, for hints.
std::string fewer_classes(const Scenario& scenario);

/// Says on stderr when so many classes take long.
void announce_classes(std::size_t classes);

/// Throws InputError when the plans without folding would take hours.
void check_unfolded_size(const Scenario& scenario,
                         const Profile& profile,
                         const std::vector<TrainingPlan>& plans);

/// One step of each plan, on the scenario's cluster. Says on stderr what is under way when it takes
/// long; throws InputError, with what could be changed, when it would take hours.
std::vector<SimulatedStep> simulate_steps(const Scenario& scenario,
                                          const KernelTimes& kernels,
                                          const std::vector<TrainingPlan>& plans,
                                          Folding folding,
                                          Engine engine = Engine::kTowtank);

}  // namespace towtank
