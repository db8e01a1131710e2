// How a simulated job's ranks are grouped and what they move, for the report.
#pragma once

#include <span>
#include <vector>

#include "reports/groups_report.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/graph/group_traffic.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

GridReport grid_report(const TrainingPlan& plan, const Cluster& cluster);

/// One for each kind of communication, in the order of `traffics`.
std::vector<GroupReport> group_reports(std::span<const GroupTraffic> traffics);

}  // namespace towtank
