// A GPU profile, and the kernels of a scenario on it, as data to print.
#pragma once

#include "reports/profile_report.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// Everything the profile says.
ProfileReport profile_report(const Profile& profile);

/// Every distinct op of one step of the scenario, on as many SMs as it has there, with its time and
/// origin; the largest share of all GPUs' kernel time first.
std::vector<ResolvedOp> resolved_ops(const Scenario& scenario, const Profile& profile);

}  // namespace towtank
