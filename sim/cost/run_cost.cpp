#include "sim/cost/run_cost.hpp"

#include <cmath>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {

StepTimeLine step_time_line(double micro_batches_a,
                            Seconds step_a,
                            double micro_batches_b,
                            Seconds step_b) {
  check(micro_batches_a != micro_batches_b, "two different steps make a line");
  const Seconds slope = (step_b - step_a) / (micro_batches_b - micro_batches_a);
  return {.fixed = step_a - micro_batches_a * slope, .per_micro_batch = slope};
}

Seconds ramp_time(const RampShape& ramp, const StepTimeLine& step) {
  // A step takes fixed + b * growth at batch b and sees b * sequence tokens; the batch is uniform
  // in tokens between first and last. The mean of 1/b over the ramp is ln(last/first) / (last -
  // first).
  const Seconds growth = step.per_micro_batch * (ramp.micro_batches / ramp.last_batch);
  const double span = ramp.last_batch - ramp.first_batch;
  const double mean_inverse =
      span == 0.0 ? 1.0 / ramp.last_batch : std::log1p(span / ramp.first_batch) / span;
  return ramp.tokens / ramp.sequence * (mean_inverse * step.fixed + growth);
}

RunCost run_cost(
    std::string name, double tokens, Seconds duration, int gpus, Price per_gpu, double error) {
  return {.name = std::move(name),
          .tokens = tokens,
          .gpu_hours = gpus * (duration / hour),
          .duration = duration,
          .dollars = static_cast<double>(gpus) * (per_gpu * duration),
          .error = error,
          .basis = "simulated"};
}

RunCost stated_cost(
    std::string name, double gpu_hours, int gpus, Price per_gpu, std::string source) {
  return {.name = std::move(name),
          .tokens = 0.0,
          .gpu_hours = gpu_hours,
          .duration = gpu_hours / gpus * hour,
          .dollars = gpu_hours * (per_gpu * hour),
          .error = 0.0,
          .basis = std::move(source)};
}

}  // namespace towtank
