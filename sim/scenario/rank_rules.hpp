// What must hold between a plan's ranks, the model they share out, and the cluster they fill.
#pragma once

#include "sim/cluster/cluster.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"
#include "sim/scenario/rule_book.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// The pipeline, data and tensor ranks use every GPU of the cluster. An absent `data` follows from
/// that.
void check_ranks(TrainingPlan& plan, const Cluster& cluster, Rules& rules);

/// Heads and columns divide over the tensor ranks. (Vocabularies are padded.)
void check_tensor(const Architecture& model, const TrainingPlan& plan, Rules& rules);

/// Experts divide over ranks, and these into groups, which need not fill nodes.
void check_experts(const Scenario& scenario, Rules& rules);

/// The ranks that share parameters and states are whole groups.
void check_sharding(const Architecture& model, const TrainingPlan& plan, Rules& rules);

}  // namespace towtank
