// What a row of a table of runs says was measured.
#pragma once

#include <optional>

#include "sim/base/units.hpp"
#include "sim/published/published_run.hpp"
#include "sim/published/run_scenario.hpp"

namespace towtank {

/// What a projection is held against.
enum class Measured {
  kNothing,
  kStep,        // the time of a step
  kTokens,      // tokens a second
  kEfficiency,  // TFLOPS or MFU alone, counted as the source counts
};

/// Step time before tokens a second before TFLOPS before MFU.
Measured measured_of(const PublishedRun& run);

/// The measured time of the scenario's step. From efficiency it rests on the stack's way of
/// counting FLOP (StackHabits::attention, counts_recompute), and for MFU on the GPU's peak in the
/// run's precision where the row's remarks say "own-precision peak", else on that of BF16.
std::optional<Seconds> measured_step(const PublishedRun& run, const RunScenario& scenario);

}  // namespace towtank
