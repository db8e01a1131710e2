// Published runs that software stacks are fitted to.
#pragma once

#include <vector>

#include "sim/base/units.hpp"
#include "sim/profile/kernel_times.hpp"
#include "sim/published/fit_numbers.hpp"
#include "sim/published/published_run.hpp"
#include "sim/published/run_scenario.hpp"
#include "sim/published/stack_numbers.hpp"

namespace towtank {

struct RunToFit {
  FitRow row;
  RunScenario scenario;
};

/// The runs on NVIDIA GPUs that have a scenario and say, in time or by a FLOP rate, how fast they
/// were. The library must outlive them.
std::vector<RunToFit> runs_to_fit(const std::vector<PublishedRun>& runs, const RunLibrary& library);

/// The projected time of the row's step with each of the stack's numbers given.
std::vector<Seconds> projected_with(const RunToFit& run,
                                    const std::vector<StackNumbers>& numbers,
                                    const KernelTimes& kernels);

}  // namespace towtank
