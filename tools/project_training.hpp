// A training scenario, answered: lowers, simulates and prices it.
#pragma once

#include <string>

#include "reports/training_report.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/graph/training_step.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// The profile of the scenario's GPU. Throws InputError at `cluster.gpu` when there is none.
Profile profile_for(const Scenario& scenario);

/// Throws InputError with everything the plan asks for that the GPU does not have: more
/// communication SMs than SMs, FP8 without an FP8 peak.
void check_against_profile(const Scenario& scenario, const Profile& profile);

/// The projection of a checked scenario on its GPU's profile. Throws InputError where the plan asks
/// for what the GPU does not have (more communication SMs than SMs, FP8 without an FP8 peak), and
/// unfolded where that would take hours.
TrainingReport project_training(const Scenario& scenario,
                                const Profile& profile,
                                Folding folding,
                                Engine engine = Engine::kTowtank);

}  // namespace towtank
