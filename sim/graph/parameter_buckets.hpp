// Which parameters are reduced or gathered in one go.
#pragma once

#include <vector>

#include "sim/graph/job_layout.hpp"
#include "sim/graph/replica_collectives.hpp"
#include "sim/plan/parameter_shards.hpp"

namespace towtank {

/// Whether gradients are reduced unit by unit, as soon as a unit's are there, or stage by stage.
bool reduces_by_unit(const TrainingPlan& plan);

/// Whether every micro-batch reduces its gradients: where they are sharded, or only the last one.
bool reduces_every_time(const TrainingPlan& plan);

/// Whether parameters are gathered unit by unit, before they are used, or after the optimizer.
bool gathers_by_unit(const TrainingPlan& plan);

/// Whether parameters are gathered before every use: where they are sharded.
bool gathers_every_time(const TrainingPlan& plan);

/// The parameters of each of a stage's units on one rank, in forward order. A head that MTP modules
/// share is the first one's: forward it is used first there, backward its gradients are complete
/// there.
std::vector<StageParameters> parameters_of_units(const JobLayout& job, int stage);

/// The groups of `rank` for the parameters of a stage, dense ones and experts, with all collectives
/// that they run in a step, each size once.
std::vector<ReplicaGroup> collectives_of_stage(const JobLayout& job,
                                               int stage,
                                               int rank,
                                               GroupKind kind);

}  // namespace towtank
