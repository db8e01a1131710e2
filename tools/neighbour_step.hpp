// A scenario's step beside those of the other jobs on its cluster.
#pragma once

#include "sim/base/units.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/profile/kernel_times.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

struct StepBesideNeighbours {
  Seconds time;     // of the scenario's own step
  int classes = 0;  // of all jobs' ranks together
};

/// One step of the scenario's plan while its neighbours, of which there are some, run theirs, one
/// after the other for as long as it lasts; all start at once. Throws
/// InputError when it would take hours.
StepBesideNeighbours step_beside_neighbours(const Scenario& scenario,
                                            const KernelTimes& kernels,
                                            Folding folding,
                                            Engine engine);

}  // namespace towtank
