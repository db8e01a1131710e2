#include "tools/project_training.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "reports/training_json.hpp"
#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/base/suggest.hpp"
#include "sim/cost/run_cost.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/engine/workload.hpp"
#include "sim/model/parameters.hpp"
#include "sim/plan/memory.hpp"
#include "sim/plan/memory_fix.hpp"
#include "sim/plan/stages.hpp"
#include "sim/result/busy_links.hpp"
#include "sim/result/critical_path.hpp"
#include "sim/result/phases.hpp"
#include "sim/scenario/plan_reader.hpp"
#include "tools/data_directory.hpp"
#include "tools/group_report.hpp"
#include "tools/neighbour_step.hpp"
#include "tools/plan_text.hpp"
#include "tools/simulated_steps.hpp"

namespace towtank {
namespace {

ScheduleSize schedule_size(const TrainingPlan& plan, int micro_batches) {
  return {.ranks = plan.pipeline, .micro_batches = micro_batches, .interleave = plan.interleave};
}

Schedule schedule_of(const TrainingPlan& plan) {
  return make_schedule(plan.schedule, schedule_size(plan, plan.micro_batches()));
}

std::vector<Stage> stages_of(const Architecture& model, const TrainingPlan& plan) {
  return make_stages(model, plan, schedule_of(plan).stages);
}

/// The plan with another number of micro-batches a step.
TrainingPlan with_micro_batches(TrainingPlan plan, int micro_batches) {
  plan.batch =
      static_cast<std::int64_t>(micro_batches) * plan.data * plan.micro_batch / plan.context;
  return plan;
}

/// A step at about half the micro-batches, to see how step time grows with them.
std::optional<TrainingPlan> shorter_step(const TrainingPlan& plan) {
  const int full = plan.micro_batches();
  for (int distance = 0; distance < full; ++distance) {
    for (const int candidate : {full / 2 - distance, full / 2 + distance}) {
      if (candidate >= 1 && candidate < full &&
          !schedule_problem(plan.schedule, schedule_size(plan, candidate))) {
        return with_micro_batches(plan, candidate);
      }
    }
  }
  return std::nullopt;
}

/// The main run's plan at another sequence length; the layers stay where they are.
TrainingPlan extension_plan(const Scenario& scenario, const ContextExtension& extension) {
  TrainingPlan result = scenario.plan;
  result.stage_layers.clear();
  for (const Stage& stage : stages_of(scenario.model, scenario.plan)) {
    result.stage_layers.push_back(stage.layers);
  }
  result.sequence = extension.sequence;
  result.batch = extension.batch;
  result.context = extension.context;
  return result;
}

double tokens_of_step(const TrainingPlan& plan) {
  return static_cast<double>(plan.batch) * static_cast<double>(plan.sequence);
}

StepReport step_report(const SimulatedStep& step) {
  const Seconds time = step.timeline.end;
  const double tokens = tokens_of_step(step.plan);
  return {.time = time,
          .low = time * (1.0 - step.error),
          .high = time * (1.0 + step.error),
          .tokens = tokens,
          .tokens_per_second_per_gpu = tokens / time.si() / step.plan.ranks(),
          .tokens_per_day = tokens * (day / time)};
}

EfficiencyReport efficiency_report(const Scenario& scenario,
                                   const Profile& profile,
                                   const StepReport& step) {
  const auto rate = [&](AttentionCount count) {
    const Flops per_token = training_flops_per_token(scenario.model, scenario.plan.sequence, count);
    return step.tokens_per_second_per_gpu * per_token / second;
  };
  EfficiencyReport report{.per_gpu_causal = rate(AttentionCount::kCausal),
                          .per_gpu_full = rate(AttentionCount::kFull)};
  report.mfu_causal = report.per_gpu_causal / profile.gpu.bf16_peak;
  report.mfu_full = report.per_gpu_full / profile.gpu.bf16_peak;
  return report;
}

/// Kernel time of the step by how it is known.
std::vector<OriginShare> origin_shares(const Simulation& simulation) {
  const OpGraph& graph = *simulation.graph;
  std::vector<double> runs(graph.segments.size());
  for (const auto vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const Node& node = graph.dependencies[vertex];
    if (node.work == Node::Work::kSegment) {
      runs[static_cast<std::size_t>(node.index)] += 1.0;
    }
  }
  std::array<double, kOrigins> seconds = {};
  double all = 0.0;
  for (std::size_t i = 0; i < graph.segments.size(); ++i) {
    const Segment& segment = graph.segments[i];
    const int sms = sms_of_segment(simulation, segment.shares_gpu);
    for (const Op& op : segment.ops) {
      const Estimate kernel = kernel_estimate(simulation, op, sms);
      const double time = runs[i] * kernel.time.si();
      seconds[static_cast<std::size_t>(kernel.origin)] += time;
      all += time;
    }
  }
  std::vector<OriginShare> shares;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    if (seconds[i] > 0.0) {
      shares.push_back(
          {.origin = std::string(name(static_cast<Origin>(i))), .share = seconds[i] / all});
    }
  }
  return shares;
}

/// Peak memory of every pipeline rank during one plan's step.
std::vector<MemoryUse> memory_uses(const Architecture& model, const TrainingPlan& plan) {
  return peak_memory(model, plan, schedule_of(plan), stages_of(model, plan));
}

/// "forward pass of micro-batch 15 through stage 0"
std::string moment_text(const Chunk& chunk) {
  const auto pass_text = [&chunk] {
    switch (chunk.pass) {
      case Pass::kForward:
        return "forward pass";
      case Pass::kBackward:
        return "backward pass";
      case Pass::kBackwardInput:
        return "input gradients";
      case Pass::kWeight:
        break;
    }
    return "weight gradients";
  };
  return fmt::format(
      "{} of micro-batch {} through stage {}", pass_text(), chunk.micro_batch, chunk.stage);
}

MemoryReport memory_report(const std::string& phase,
                           const std::vector<MemoryUse>& uses,
                           const Profile& profile) {
  const auto worst =
      std::ranges::max_element(uses, {}, [](const MemoryUse& use) { return use.total(); });
  MemoryReport report{.peak = worst->total(),
                      .capacity = profile.gpu.memory,
                      .fits = worst->total() <= profile.gpu.memory,
                      .phase = phase,
                      .pipeline = static_cast<int>(worst - uses.begin()),
                      .moment = moment_text(worst->chunk),
                      .classes = {{"weights", worst->weights},
                                  {"gradients", worst->gradients},
                                  {"optimizer states", worst->optimizer},
                                  {"activations", worst->activations},
                                  {"logits", worst->logits},
                                  {"buffers and context", worst->working + worst->context}},
                      .fix = {}};
  std::ranges::stable_sort(
      report.classes, std::ranges::greater{}, [](const auto& entry) { return entry.second; });
  return report;
}

std::string phase_name(const ContextExtension& extension) {
  return extension.name + " context extension";
}

/// Of the phase that needs most; `main_uses` are the main run's.
MemoryReport worst_memory(const Scenario& scenario,
                          const std::vector<MemoryUse>& main_uses,
                          const Profile& profile) {
  MemoryReport worst = memory_report(kMainRun, main_uses, profile);
  TrainingPlan plan = scenario.plan;
  for (const ContextExtension& extension : scenario.extensions) {
    const TrainingPlan extended = extension_plan(scenario, extension);
    const auto uses = memory_uses(scenario.model, extended);
    const MemoryReport report = memory_report(phase_name(extension), uses, profile);
    if (report.peak > worst.peak) {
      worst = report;
      plan = extended;
    }
  }
  if (!worst.fits) {
    if (auto fix = cheapest_fix(scenario.model, plan, worst.capacity)) {
      worst.fix = std::move(fix->settings);
    }
  }
  return worst;
}

std::vector<LinkReport> link_reports(const Timeline& timeline,
                                     const std::vector<CriticalShare>& critical) {
  std::vector<LinkReport> reports;
  for (const BusyLinks& kind : busy_links(timeline, critical)) {
    const LinkUse& link = kind.busiest;
    std::optional<int> pipeline;
    if (link.rank >= 0) {
      pipeline = timeline.ranks[static_cast<std::size_t>(link.rank)].pipeline;
    }
    reports.push_back({.name = kind.name,
                       .pipeline = pipeline,
                       .utilisation = kind.utilisation,
                       .carried = link.carried,
                       .capacity = link.capacity,
                       .cables = link.cables,
                       .links = kind.links,
                       .as_busy = kind.as_busy,
                       .mean_utilisation = kind.mean,
                       .limits = kind.limits});
  }
  return reports;
}

/// The overlapped pair of two stages that hold as many MoE layers as most stages do, and nothing
/// else.
PairReport pair_report(const Timeline& timeline, const std::vector<Stage>& stages) {
  std::map<int, std::vector<int>> stages_of_size;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const auto moe_only = [](const Unit& unit) { return unit.kind == UnitKind::kMoeLayer; };
    if (std::ranges::all_of(stages[i].units, moe_only)) {
      stages_of_size[stages[i].layers].push_back(static_cast<int>(i));
    }
  }
  if (stages_of_size.empty()) {
    return {};
  }
  const auto most = std::ranges::max_element(
      stages_of_size, {}, [](const auto& entry) { return entry.second.size(); });
  const Seconds time = median_overlapped_slot(timeline, most->second);
  return {.time = time, .layers = time > Seconds{} ? most->first : 0};
}

/// The main run: a ramp of the batch, if there is one, then full batches.
Seconds run_duration(const Scenario& scenario,
                     const SimulatedStep& step,
                     const SimulatedStep* shorter) {
  const TrainingRun& run = scenario.run;
  const double ramp_tokens = run.ramp ? run.ramp->tokens : 0.0;
  const Seconds full = (run.tokens - ramp_tokens) / tokens_of_step(step.plan) * step.timeline.end;
  if (!run.ramp) {
    return full;
  }
  const double micro_batches = step.plan.micro_batches();
  const StepTimeLine line =
      shorter == nullptr
          ? StepTimeLine{.fixed = {}, .per_micro_batch = step.timeline.end / micro_batches}
          : step_time_line(micro_batches,
                           step.timeline.end,
                           shorter->plan.micro_batches(),
                           shorter->timeline.end);
  return full + ramp_time({.tokens = ramp_tokens,
                           .first_batch = static_cast<double>(run.ramp->from),
                           .last_batch = static_cast<double>(step.plan.batch),
                           .sequence = static_cast<double>(step.plan.sequence),
                           .micro_batches = micro_batches},
                          line);
}

std::vector<RunCost> training_costs(const Scenario& scenario,
                                    const std::vector<SimulatedStep>& steps,
                                    const SimulatedStep* shorter) {
  const int gpus = scenario.cluster.gpus();
  const Price price = scenario.price.per_gpu;
  std::vector<RunCost> costs;
  costs.push_back(run_cost(kMainRun,
                           scenario.run.tokens,
                           run_duration(scenario, steps.front(), shorter),
                           gpus,
                           price,
                           steps.front().error));
  for (std::size_t i = 0; i < scenario.extensions.size(); ++i) {
    const ContextExtension& extension = scenario.extensions[i];
    const SimulatedStep& step = steps[i + 1];
    const double count = static_cast<double>(extension.steps);
    costs.push_back(run_cost(phase_name(extension),
                             count * tokens_of_step(step.plan),
                             count * step.timeline.end,
                             gpus,
                             price,
                             step.error));
  }
  for (const StatedPhase& phase : scenario.stated) {
    costs.push_back(stated_cost(phase.name, phase.gpu_hours, gpus, price, phase.source));
  }
  return costs;
}

std::vector<RankReport> rank_reports(const Timeline& timeline,
                                     const std::vector<PhaseTimes>& phases,
                                     const std::vector<MemoryUse>& memory) {
  std::vector<RankReport> reports;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const TimelineRank& rank = timeline.ranks[i];
    reports.push_back({.pipeline = rank.pipeline,
                       .ranks = rank.members,
                       .phases = phases[i],
                       .peak_memory = memory[static_cast<std::size_t>(rank.pipeline)].total()});
  }
  return reports;
}

std::optional<NeighboursReport> neighbours_report(const Scenario& scenario,
                                                  const KernelTimes& kernels,
                                                  Folding folding,
                                                  Engine engine,
                                                  Seconds alone) {
  if (scenario.neighbours.empty()) {
    return std::nullopt;
  }
  const StepBesideNeighbours step = step_beside_neighbours(scenario, kernels, folding, engine);
  NeighboursReport report{
      .jobs = {}, .beside = step.time, .slowdown = step.time / alone, .classes = step.classes};
  for (const NeighbourJob& neighbour : scenario.neighbours) {
    report.jobs.push_back({.name = neighbour.name,
                           .nodes = static_cast<int>(neighbour.nodes.size()),
                           .gpus = neighbour.plan.ranks()});
  }
  return report;
}

void compare_with_published(const Scenario& scenario, TrainingReport& report) {
  for (const PublishedFigure& figure : scenario.published) {
    report.published.push_back({.metric = figure.metric,
                                .published = figure.value,
                                .projected = report_metric(report, figure.metric),
                                .source = figure.source});
  }
}

}  // namespace

Profile profile_for(const Scenario& scenario) {
  const std::string directory = profile_directory(scenario.path);
  const std::string& gpu = scenario.cluster.gpu;
  if (names_a_profile_file(gpu)) {
    const Place place = place_of(scenario, "cluster.gpu");
    // Relative to the file that says so; on the command line to where the user is.
    const bool in_file = !place.file.starts_with("--");
    const auto base = in_file ? std::filesystem::path(place.file).parent_path() : "";
    const std::filesystem::path path = base / gpu;
    if (!std::filesystem::exists(path)) {
      throw InputError(place,
                       fmt::format("'cluster.gpu': there is no file {}", path.string()),
                       "name a profile (towtank list profiles) or write the path of one");
    }
    return read_profile_named_or_at(directory, path.string());
  }
  const std::vector<std::string> known = list_profiles(directory);
  if (!known.empty() && std::ranges::find(known, gpu) == known.end()) {
    throw InputError(place_of(scenario, "cluster.gpu"),
                     fmt::format("'cluster.gpu': there is no profile of a GPU '{}'", gpu),
                     suggest(gpu, known));
  }
  return read_profile(directory, gpu);
}

void check_against_profile(const Scenario& scenario, const Profile& profile) {
  const TrainingPlan& plan = scenario.plan;
  const Gpu& gpu = profile.gpu;
  std::vector<Diagnostic> mistakes;
  const auto mistake = [&](std::string_view key, std::string message, std::string hint) {
    mistakes.push_back({.place = place_of(scenario, key),
                        .message = fmt::format("'{}': {}", key, message),
                        .hint = std::move(hint)});
  };
  const int needed = profile.link(TransferKind::kDispatch, Medium::kNic).sms;
  if (plan.communication_sms >= gpu.sms) {
    mistake("plan.communication_sms",
            fmt::format("{} of {}'s {} SMs", plan.communication_sms, gpu.name, gpu.sms),
            "leave most of them to compute; DeepSeek-V3 gave 20 of 132 to communication");
  } else if (plan.expert > 1 && plan.communication_sms < needed) {
    mistake("plan.communication_sms",
            fmt::format("{}, but {}'s dispatch and combine were measured with {}; slower ones on "
                        "fewer SMs are not modelled",
                        plan.communication_sms,
                        gpu.name,
                        needed),
            fmt::format("communication_sms = {} is the least", needed));
  }
  const Precision precision = plan.recipe.gemm;
  const bool is_fp8 = precision == Precision::kFp8Block || precision == Precision::kFp8;
  if (is_fp8 && gpu.fp8_peak <= FlopRate{}) {
    mistake("plan.precision",
            fmt::format("{}, but {} has no FP8 tensor cores", precision_word(precision), gpu.name),
            "use precision = \"bf16\"");
  }
  if (precision == Precision::kFp4 && gpu.fp4_peak <= FlopRate{}) {
    mistake("plan.precision",
            fmt::format("{}, but {} has no FP4 tensor cores", precision_word(precision), gpu.name),
            gpu.fp8_peak > FlopRate{} ? "use precision = \"fp8\" or \"bf16\""
                                      : "use precision = \"bf16\"");
  }
  if (!mistakes.empty()) {
    std::ranges::sort(mistakes);
    throw InputError(mistakes);
  }
}

TrainingReport project_training(const Scenario& scenario,
                                const Profile& profile,
                                Folding folding,
                                Engine engine) {
  check_against_profile(scenario, profile);
  std::vector<TrainingPlan> plans = {scenario.plan};
  for (const ContextExtension& extension : scenario.extensions) {
    plans.push_back(extension_plan(scenario, extension));
  }
  const std::optional<TrainingPlan> shorter =
      scenario.run.ramp ? shorter_step(scenario.plan) : std::nullopt;
  if (shorter) {
    plans.push_back(*shorter);
  }
  if (folding == Folding::kUnfolded) {
    check_unfolded_size(scenario, profile, plans);
  }
  const KernelTimes kernels(profile);
  const std::vector<SimulatedStep> steps =
      simulate_steps(scenario, kernels, plans, folding, engine);
  const SimulatedStep& main = steps.front();
  const Timeline& timeline = main.timeline;

  const std::vector<Stage> stages = stages_of(scenario.model, scenario.plan);
  const std::vector<MemoryUse> memory = memory_uses(scenario.model, scenario.plan);
  const std::vector<PhaseTimes> phases = phase_times(timeline);

  TrainingReport report;
  report.scenario = scenario.name;
  report.title = scenario.title;
  report.plan = plan_line(scenario.plan);
  report.gpu = profile.gpu.name;
  report.step = step_report(main);
  report.neighbours = neighbours_report(scenario, kernels, folding, engine, report.step.time);
  report.phases = phases.front();
  report.mean_phases = mean_phases(timeline, phases);
  report.ranks = rank_reports(timeline, phases, memory);
  report.critical_path = critical_path(timeline);
  report.origins = origin_shares({.graph = main.graph.get(),
                                  .profile = &profile,
                                  .kernels = &kernels,
                                  .communication_sms = scenario.plan.communication_sms});
  report.efficiency = efficiency_report(scenario, profile, report.step);
  report.memory = worst_memory(scenario, memory, profile);
  report.links = link_reports(timeline, report.critical_path);
  report.grid = grid_report(scenario.plan, scenario.cluster);
  report.groups = group_reports(main.groups);
  report.pair = pair_report(timeline, stages);
  report.phases_of_training = training_costs(scenario, steps, shorter ? &steps.back() : nullptr);
  report.run = report.phases_of_training.front();
  for (const RunCost& cost : report.phases_of_training) {
    report.total_gpu_hours += cost.gpu_hours;
    report.total_dollars += cost.dollars;
  }
  for (std::size_t i = 1; i <= scenario.extensions.size(); ++i) {
    report.extension_gpu_hours += report.phases_of_training[i].gpu_hours;
  }
  report.price = scenario.price.per_gpu;
  report.price_source = scenario.price.date.empty()
                            ? scenario.price.source
                            : scenario.price.source + ", " + scenario.price.date;
  report.engine = {.activities = timeline.activities,
                   .gpus = scenario.cluster.gpus(),
                   .classes = static_cast<int>(timeline.ranks.size()),
                   .folded = folding == Folding::kFolded};
  for (const SimulatedStep& step : steps) {
    report.engine.wall_seconds += step.timeline.wall_seconds;
  }
  for (const ScenarioEntry& entry : scenario.entries) {
    report.inputs.push_back({.key = entry.key, .value = entry.value});
  }
  report.overrides = scenario.overrides;
  compare_with_published(scenario, report);
  return report;
}

}  // namespace towtank
