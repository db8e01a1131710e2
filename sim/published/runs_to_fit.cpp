#include "sim/published/runs_to_fit.hpp"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/published/measured.hpp"
#include "sim/published/name_key.hpp"
#include "sim/published/project_step.hpp"
#include "sim/published/run_case.hpp"

namespace towtank {
namespace {

/// The first word of a source: its files and versions repeat each other's runs.
std::string publisher_of(const std::string& source) {
  return source.substr(0, source.find(' '));
}

/// A model's name without what brackets and sizes add to it.
std::string plain_model(const std::string& model) {
  return name_key(model.substr(0, model.find(" (")));
}

std::optional<RunToFit> run_to_fit(const PublishedRun& run, const RunLibrary& library) {
  try {
    RunToFit fit{.row = {}, .scenario = scenario_of(run, library)};
    const std::optional<Seconds> measured = measured_step(run, fit.scenario);
    if (!measured) {
      return std::nullopt;
    }
    const StackHabits& habits = *fit.scenario.habits;
    const std::string& profile = fit.scenario.profile->gpu.name;
    const std::string model = plain_model(run.model);
    fit.row = {.stack = habits.stack.name,
               .profile = profile,
               .family = fmt::format("{} / {} / {}", model, name_key(run.gpu), run.precision),
               .group = fmt::format("{} / {}", publisher_of(run.source), model),
               .model = model,
               .sequence = fit.scenario.plan.sequence,
               .fused_attention = fit.scenario.plan.recipe.fused_attention,
               .quantized = fit.scenario.plan.recipe.gemm != Precision::kBf16,
               .now = numbers_of(stack_on(habits, profile)),
               .measured = *measured};
    return fit;
  } catch (const InputError&) {
    return std::nullopt;  // `towtank validate published` says why
  }
}

}  // namespace

std::vector<RunToFit> runs_to_fit(const std::vector<PublishedRun>& runs,
                                  const RunLibrary& library) {
  std::vector<RunToFit> fits;
  fits.reserve(runs.size());
  for (const PublishedRun& run : runs) {
    if (!is_nvidia(run.gpu)) {
      continue;
    }
    if (std::optional<RunToFit> fit = run_to_fit(run, library)) {
      fits.push_back(std::move(*fit));
    }
  }
  return fits;
}

std::vector<Seconds> projected_with(const RunToFit& run,
                                    const std::vector<StackNumbers>& numbers,
                                    const KernelTimes& kernels) {
  const RunScenario& scenario = run.scenario;
  std::vector<SoftwareStack> stacks;
  stacks.reserve(numbers.size());
  for (const StackNumbers& of_stack : numbers) {
    stacks.push_back(with_numbers(scenario.plan.stack, run.row.now, of_stack));
  }
  std::vector<Seconds> times;
  times.reserve(stacks.size());
  for (const ProjectedStep& step :
       project_steps(scenario.model, scenario.plan, scenario.cluster, kernels, stacks)) {
    times.push_back(scenario.share * step.time);
  }
  return times;
}

}  // namespace towtank
