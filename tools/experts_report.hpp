// What a scenario's expert load does to the ranks of one expert-parallel group.
#pragma once

#include <optional>

#include "reports/experts_report.hpp"
#include "sim/plan/expert_group.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// Why the experts' load cannot be shown (expert_problem()); none when report_experts() will do.
std::optional<ExpertProblem> problem_of_experts(const Scenario& scenario, const ExpertPlan& plan);

/// The experts in order and as the plan lays them out; where the plan lays them out in order, as
/// the balancer would. The scenario is the main run's, its plan without expert_problem().
ExpertsReport report_experts(const Scenario& scenario, const ExpertPlan& plan);

}  // namespace towtank
