#include "sim/published/measured.hpp"

#include "sim/model/parameters.hpp"
#include "sim/published/name_key.hpp"

namespace towtank {
namespace {

FlopRate peak_of(const PublishedRun& run, const RunScenario& scenario) {
  const Gpu& gpu = scenario.profile->gpu;
  if (!mentions(run.confidence, "own-precision peak")) {
    return gpu.bf16_peak;
  }
  switch (scenario.plan.recipe.gemm) {
    case Precision::kFp8:
    case Precision::kFp8Block:
      return gpu.fp8_peak;
    case Precision::kFp4:
      return gpu.fp4_peak;
    case Precision::kBf16:
    case Precision::kFp32:
    case Precision::kInt8:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      break;
  }
  return gpu.bf16_peak;
}

std::optional<Seconds> step_of_efficiency(const PublishedRun& run, const RunScenario& scenario) {
  const StackHabits& habits = *scenario.habits;
  constexpr double kWithRecompute = 4.0 / 3.0;  // forward, backward, and forward again
  const bool again = habits.counts_recompute && scenario.plan.recipe.recompute.layers;
  const Flops per_token =
      training_flops_per_token(scenario.model, scenario.plan.sequence, habits.attention) *
      (again && run.teraflops ? kWithRecompute : 1.0);
  FlopRate rate;
  if (run.teraflops) {
    rate = *run.teraflops * TFLOP / second;
  } else if (run.mfu) {
    rate = *run.mfu * peak_of(run, scenario);
  }
  if (rate <= FlopRate{}) {
    return std::nullopt;
  }
  const double tokens = static_cast<double>(scenario.plan.batch) *
                        static_cast<double>(scenario.plan.sequence) * scenario.share;
  return tokens / scenario.plan.ranks() * per_token / rate;
}

}  // namespace

Measured measured_of(const PublishedRun& run) {
  if (run.step_seconds) {
    return Measured::kStep;
  }
  if (run.tokens_per_second) {
    return Measured::kTokens;
  }
  return run.teraflops || run.mfu ? Measured::kEfficiency : Measured::kNothing;
}

std::optional<Seconds> measured_step(const PublishedRun& run, const RunScenario& scenario) {
  switch (measured_of(run)) {
    case Measured::kStep:
      return *run.step_seconds * second;
    case Measured::kTokens: {
      const double tokens = static_cast<double>(scenario.plan.batch) *
                            static_cast<double>(scenario.plan.sequence) * scenario.share;
      return tokens / (*run.tokens_per_second * scenario.plan.ranks()) * second;
    }
    case Measured::kEfficiency:
      return step_of_efficiency(run, scenario);
    case Measured::kNothing:
      break;
  }
  return std::nullopt;
}

}  // namespace towtank
