#include "sim/published/run_case.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/published/name_key.hpp"
#include "sim/published/project_step.hpp"

namespace towtank {
namespace {

constexpr std::array<std::string_view, 6> kOtherMakers = {
    "tpu", "ascend", "gaudi", "mi2", "mi3", "trainium"};

std::string plan_text_of(const TrainingPlan& plan) {
  std::string text = fmt::format("tp{} pp{} vp{} cp{} ep{} dp{} mbs{} zero{}",
                                 plan.tensor,
                                 plan.pipeline,
                                 plan.interleave,
                                 plan.context,
                                 plan.expert,
                                 plan.data / plan.context,
                                 plan.micro_batch,
                                 plan.zero_stage);
  if (plan.expert_tensor > 1) {
    text += fmt::format(" etp{}", plan.expert_tensor);
  }
  return text;
}

std::string reason_of(const InputError& error) {
  const Diagnostic& first = error.diagnostics().front();
  return first.hint.empty() ? first.message : fmt::format("{} ({})", first.message, first.hint);
}

void project(RunCase& result,
             const PublishedRun& run,
             const RunLibrary& library,
             KernelTimesOfProfiles& kernels) {
  const RunScenario scenario = scenario_of(run, library);
  result.stack = scenario.habits->stack.name;
  result.plan = plan_text_of(scenario.plan);
  result.assumptions = scenario.assumptions;
  const ProjectedStep step =
      project_step(scenario.model, scenario.plan, scenario.cluster, kernels.of(*scenario.profile));
  const Seconds time = scenario.share * step.time;
  const double error = std::max(step.error, scenario.habits->error);
  result.step_tokens = static_cast<double>(scenario.plan.batch) *
                       static_cast<double>(scenario.plan.sequence) * scenario.share;
  result.measured = measured_step(run, scenario);
  result.projected = time;
  result.low = std::max(1.0 - error, 0.0) * time;
  result.high = (1.0 + error) * time;
}

}  // namespace

bool is_nvidia(const std::string& gpu) {
  const std::string key = name_key(gpu);
  return !key.empty() && std::ranges::none_of(kOtherMakers, [&](std::string_view maker) {
    return key.find(maker) != std::string::npos;
  });
}

RunCase case_of_row(const PublishedRun& run) {
  const Measured against = measured_of(run);
  return {.id = run.id,
          .source = run.source,
          .model = run.model,
          .gpu = run.gpu,
          .precision = run.precision,
          .gpus = run.gpus.value_or(0),
          .stack = "",
          .plan = "",
          .against = against,
          .in_scope =
              is_nvidia(run.gpu) && (against == Measured::kStep || against == Measured::kTokens),
          .step_tokens = 0.0,
          .measured = run.step_seconds ? std::optional(*run.step_seconds * second) : std::nullopt,
          .projected = std::nullopt,
          .low = {},
          .high = {},
          .reason = "",
          .assumptions = {}};
}

const KernelTimes& KernelTimesOfProfiles::of(const Profile& profile) {
  std::unique_ptr<const KernelTimes>& known = known_[&profile];
  if (known == nullptr) {
    known = std::make_unique<const KernelTimes>(profile);
  }
  return *known;
}

RunCase answer(const PublishedRun& run, const RunLibrary& library, KernelTimesOfProfiles& kernels) {
  RunCase result = case_of_row(run);
  if (result.against == Measured::kNothing) {
    result.reason = "no step time, tokens a second, TFLOPS or MFU to hold against";
    return result;
  }
  try {
    project(result, run, library, kernels);
  } catch (const InputError& error) {
    result.reason = reason_of(error);
  } catch (const std::exception& error) {
    result.reason = error.what();
  }
  return result;
}

}  // namespace towtank
