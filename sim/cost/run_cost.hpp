// From step times to a run: days, GPU-hours, dollars.
#pragma once

#include <string>

#include "sim/base/units.hpp"

namespace towtank {

/// Step time as a function of the micro-batches a pipeline works through. Linear once the pipeline
/// is full: each further micro-batch costs one more turn of the slowest rank.
struct StepTimeLine {
  Seconds fixed;
  Seconds per_micro_batch;

  Seconds at(double micro_batches) const { return fixed + micro_batches * per_micro_batch; }
};

/// The line through two simulated steps.
StepTimeLine step_time_line(double micro_batches_a,
                            Seconds step_a,
                            double micro_batches_b,
                            Seconds step_b);

/// A stretch of training in which the batch grows linearly with the tokens seen.
struct RampShape {
  double tokens = 0.0;       // length of the stretch
  double first_batch = 0.0;  // sequences
  double last_batch = 0.0;
  double sequence = 0.0;       // tokens
  double micro_batches = 0.0;  // at last_batch; proportional to the batch below it
};

/// Time of a ramp: the integral of step time over steps, in closed form.
Seconds ramp_time(const RampShape& ramp, const StepTimeLine& step);

/// A run or part of one.
struct RunCost {
  std::string name;
  double tokens = 0.0;
  double gpu_hours = 0.0;
  Seconds duration;
  Dollars dollars;
  double error = 0.0;  // relative, at 90%, of gpu_hours and dollars
  std::string basis;   // "simulated", or the source that states it
};

/// The bill of `duration` on `gpus` GPUs.
RunCost run_cost(
    std::string name, double tokens, Seconds duration, int gpus, Price per_gpu, double error);

/// The bill of stated GPU-hours.
RunCost stated_cost(
    std::string name, double gpu_hours, int gpus, Price per_gpu, std::string source);

}  // namespace towtank
