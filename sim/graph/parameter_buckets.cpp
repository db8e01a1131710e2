#include "sim/graph/parameter_buckets.hpp"

#include <cstddef>
#include <set>
#include <utility>

namespace towtank {
namespace {

void append(std::vector<ReplicaCollective> more, std::vector<ReplicaCollective>& all) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

bool reduces_by_unit(const TrainingPlan& plan) {
  return plan.overlap.gradients || plan.zero_stage >= 2;
}

bool reduces_every_time(const TrainingPlan& plan) {
  return plan.zero_stage >= 2;
}

bool gathers_by_unit(const TrainingPlan& plan) {
  return plan.zero_stage == 3 || (plan.overlap.parameters && plan.zero_stage > 0);
}

bool gathers_every_time(const TrainingPlan& plan) {
  return plan.zero_stage == 3;
}

std::vector<StageParameters> parameters_of_units(const JobLayout& job, int stage) {
  std::vector<StageParameters> parameters;
  bool has_head = false;
  for (const Unit& unit : job.stages[static_cast<std::size_t>(stage)].units) {
    const bool again = unit.kind == UnitKind::kHead && has_head;
    has_head = has_head || unit.kind == UnitKind::kHead;
    parameters.push_back(again ? StageParameters()
                               : stage_parameters(job.model, job.plan, {.units = {unit}}));
  }
  return parameters;
}

std::vector<ReplicaGroup> collectives_of_stage(const JobLayout& job,
                                               int stage,
                                               int rank,
                                               GroupKind kind) {
  const std::vector<int> hosts = hosts_of_stage(job.schedule, stage);
  const Stage& all = job.stages[static_cast<std::size_t>(stage)];
  const auto groups_of = [&](const StageParameters& parameters) {
    return replica_groups(
        job.plan, job.mesh, hosts, rank, parameters, kind, job.tuner->has_costs());
  };
  std::vector<ReplicaGroup> result = groups_of(stage_parameters(job.model, job.plan, all));
  for (ReplicaGroup& group : result) {
    if (reduces_by_unit(job.plan)) {
      group.collectives.of_gradients.clear();
    }
    if (gathers_by_unit(job.plan)) {
      group.collectives.of_parameters.clear();
    }
  }
  if (!reduces_by_unit(job.plan) && !gathers_by_unit(job.plan)) {
    return result;
  }
  std::set<std::pair<double, double>> sizes;
  for (const StageParameters& unit : parameters_of_units(job, stage)) {
    if (!sizes.emplace(unit.dense, unit.experts).second) {
      continue;
    }
    std::vector<ReplicaGroup> of_unit = groups_of(unit);
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (reduces_by_unit(job.plan)) {
        append(std::move(of_unit[i].collectives.of_gradients), result[i].collectives.of_gradients);
      }
      if (gathers_by_unit(job.plan)) {
        append(std::move(of_unit[i].collectives.of_parameters),
               result[i].collectives.of_parameters);
      }
    }
  }
  return result;
}

}  // namespace towtank
