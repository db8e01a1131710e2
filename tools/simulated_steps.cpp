#include "tools/simulated_steps.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/graph/training_step.hpp"
#include "sim/result/critical_path.hpp"
#include "tools/commands.hpp"
#include "tools/unfolded_size.hpp"

namespace towtank {
namespace {

constexpr double kMostUnfolded = 2e7;  // activities of all steps: some minutes

constexpr double kMuchToSimulate = 2e6;  // activities of all steps: some seconds
constexpr std::size_t kManyClasses = 500;

[[noreturn]] void too_much(const Scenario& scenario, std::size_t classes, const std::string& what) {
  throw InputError({.file = scenario.path},
                   fmt::format("what makes ranks differ leaves {} classes of them{}, which would "
                               "take hours",
                               format_count(static_cast<double>(classes)),
                               what),
                   fewer_classes(scenario));
}

/// Says what is under way when it takes long, and refuses what would take hours.
void announce_size(const Scenario& scenario,
                   const std::vector<JobLayout>& jobs,
                   const std::vector<SimulatedStep>& steps) {
  double activities = 0.0;
  for (const SimulatedStep& step : steps) {
    activities += simulated_activities(*step.graph);
  }
  const std::size_t classes = jobs.front().classes.ranks.members.size();
  if (activities > kMostSimulated) {
    too_much(scenario,
             classes,
             fmt::format(" and {} million activities", format_count(activities / 1e6)));
  }
  if (activities > kMuchToSimulate) {
    announce(fmt::format("simulating {} classes of ranks, {} thousand activities",
                         classes,
                         format_count(std::round(activities / 1e3))));
  }
}

}  // namespace

std::string fewer_classes(const Scenario& scenario) {
  std::string hint = "a smaller cluster or plan.expert";
  const std::optional<FabricSpec>& fabric = scenario.cluster.fabric;
  if (fabric && fabric->kind != FabricKind::kNonblocking) {
    hint += fabric->routing == RoutingRule::kAdaptive
                ? "; leaf switches below which whole nodes fit (radix, oversubscription)"
                : "; adaptive routing, whose ranks stay alike";
  }
  const bool faults = !scenario.cluster.faults.empty() || (fabric && !fabric->faults.empty());
  return faults ? hint + "; fewer faults" : hint;
}

void announce_classes(std::size_t classes) {
  if (classes > kManyClasses) {
    announce(fmt::format("{} classes of ranks, little is alike: this takes minutes and gigabytes",
                         format_count(static_cast<double>(classes))));
  }
}

void check_unfolded_size(const Scenario& scenario,
                         const Profile& profile,
                         const std::vector<TrainingPlan>& plans) {
  double activities = 0.0;
  for (const TrainingPlan& plan : plans) {
    activities += unfolded_activities(
        lower_training_step(scenario.model, plan, scenario.cluster, profile, Folding::kFolded));
  }
  if (activities > kMostUnfolded) {
    throw InputError({.file = "--no-fold"},
                     fmt::format("{} GPUs by themselves are {} million activities, which would "
                                 "take hours; up to {} million are simulated",
                                 format_count(scenario.cluster.gpus()),
                                 format_count(activities / 1e6),
                                 format_count(kMostUnfolded / 1e6)),
                     "take a small cluster, as with --set cluster.base=clusters/h800-16.toml "
                     "--set plan.pipeline=2 --set plan.expert=8 --set model.layers=4 "
                     "--set training.batch=64 --set training.ramp.from=64 "
                     "--set training.extension=[]");
  }
}

std::vector<SimulatedStep> simulate_steps(const Scenario& scenario,
                                          const KernelTimes& kernels,
                                          const std::vector<TrainingPlan>& plans,
                                          Folding folding,
                                          Engine engine) {
  std::vector<SimulatedStep> steps(plans.size());
  std::vector<Simulation> simulations;
  const std::vector<JobLayout> jobs =
      lay_out(scenario.model, plans, scenario.cluster, kernels.profile(), folding);
  for (const JobLayout& job : jobs) {
    if (folding == Folding::kFolded && job.classes.ranks.members.size() > kMostClasses) {
      too_much(scenario, job.classes.ranks.members.size(), "");
    }
  }
  if (folding == Folding::kFolded) {
    announce_classes(jobs.front().classes.ranks.members.size());
  }
  for (std::size_t i = 0; i < plans.size(); ++i) {
    steps[i].plan = plans[i];
    // make_unique would copy the graph, which Boost cannot move.
    steps[i].graph.reset(  // NOLINT(modernize-make-unique)
        new OpGraph(lower_training_step(jobs[i])));
    steps[i].groups = group_traffic(jobs[i], *steps[i].graph);
    simulations.push_back({.graph = steps[i].graph.get(),
                           .profile = &kernels.profile(),
                           .kernels = &kernels,
                           .communication_sms = plans[i].communication_sms,
                           .engine = engine});
  }
  if (folding == Folding::kFolded) {
    announce_size(scenario, jobs, steps);
  }
  std::vector<Timeline> timelines = simulate(simulations);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    steps[i].timeline = std::move(timelines[i]);
    steps[i].error = error_of(critical_path(steps[i].timeline)) / steps[i].timeline.end;
  }
  return steps;
}

}  // namespace towtank
