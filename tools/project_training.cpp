#include "tools/project_training.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "reports/training_json.hpp"
#include "sim/base/error.hpp"
#include "sim/cost/run_cost.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/model/parameters.hpp"
#include "sim/plan/memory.hpp"
#include "sim/plan/stages.hpp"
#include "sim/result/critical_path.hpp"
#include "sim/result/phases.hpp"
#include "tools/plan_text.hpp"

namespace towtank {
namespace {

ScheduleSize schedule_size(const TrainingPlan& plan, int micro_batches) {
  return {.ranks = plan.pipeline, .micro_batches = micro_batches, .interleave = plan.interleave};
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

TrainingPlan extension_plan(const TrainingPlan& plan, const ContextExtension& extension) {
  TrainingPlan result = plan;
  result.sequence = extension.sequence;
  result.batch = extension.batch;
  result.context = extension.context;
  return result;
}

/// One simulated step of a plan.
struct SimulatedStep {
  TrainingPlan plan;
  std::unique_ptr<const OpGraph> graph;
  Timeline timeline;
  double error = 0.0;  // relative, at 90%
};

std::vector<SimulatedStep> simulate_steps(const Scenario& scenario,
                                          const Profile& profile,
                                          Folding folding,
                                          const std::vector<TrainingPlan>& plans) {
  std::vector<SimulatedStep> steps(plans.size());
  std::vector<Simulation> simulations;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    steps[i].plan = plans[i];
    // make_unique would copy the graph, which Boost cannot move.
    steps[i].graph.reset(  // NOLINT(modernize-make-unique)
        new OpGraph(lower_training_step(scenario.model, plans[i], scenario.cluster, folding)));
    simulations.push_back({.graph = steps[i].graph.get(),
                           .cluster = &scenario.cluster,
                           .profile = &profile,
                           .communication_sms = plans[i].communication_sms});
  }
  std::vector<Timeline> timelines = simulate(simulations);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    steps[i].timeline = std::move(timelines[i]);
    steps[i].error = error_of(critical_path(steps[i].timeline)) / steps[i].timeline.end;
  }
  return steps;
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
std::vector<OriginShare> origin_shares(const OpGraph& graph,
                                       const Profile& profile,
                                       int communication_sms) {
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
    const int sms = segment.shares_gpu ? profile.gpu.sms - communication_sms : profile.gpu.sms;
    for (const Op& op : segment.ops) {
      const Estimate kernel = estimate(profile, op, sms);
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

MemoryReport memory_report(const std::vector<MemoryUse>& uses, const Profile& profile) {
  const auto worst =
      std::ranges::max_element(uses, {}, [](const MemoryUse& use) { return use.total(); });
  MemoryReport report{.peak = worst->total(),
                      .capacity = profile.gpu.memory,
                      .fits = worst->total() <= profile.gpu.memory,
                      .pipeline = static_cast<int>(worst - uses.begin()),
                      .classes = {{"weights", worst->weights},
                                  {"gradients", worst->gradients},
                                  {"optimizer states", worst->optimizer},
                                  {"activations", worst->activations},
                                  {"logits", worst->logits},
                                  {"buffers and context", worst->working}}};
  std::ranges::stable_sort(
      report.classes, std::ranges::greater{}, [](const auto& entry) { return entry.second; });
  return report;
}

/// For each medium the rank whose port is busiest.
std::vector<LinkReport> link_reports(const Timeline& timeline) {
  std::map<Medium, LinkReport> busiest;
  for (const LinkUse& use : timeline.links) {
    const double utilisation = use.carried / (use.capacity * timeline.end);
    const int pipeline = timeline.ranks[static_cast<std::size_t>(use.rank)].pipeline;
    const auto [entry, is_new] = busiest.try_emplace(use.medium);
    if (is_new || utilisation > entry->second.utilisation) {
      entry->second = {.medium = use.medium,
                       .pipeline = pipeline,
                       .utilisation = utilisation,
                       .carried = use.carried,
                       .capacity = use.capacity};
    }
  }
  std::vector<LinkReport> reports;
  reports.reserve(busiest.size());
  for (const auto& [medium, report] : busiest) {
    reports.push_back(report);
  }
  return reports;
}

/// The overlapped pair of two stages that hold as many MoE layers as most stages do, and nothing
/// else.
PairReport pair_report(const Timeline& timeline, const std::vector<Stage>& stages) {
  std::map<int, std::vector<int>> stages_of_size;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const auto moe_only = [](UnitKind unit) { return unit == UnitKind::kMoeLayer; };
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
  costs.push_back(run_cost("main run",
                           scenario.run.tokens,
                           run_duration(scenario, steps.front(), shorter),
                           gpus,
                           price,
                           steps.front().error));
  for (std::size_t i = 0; i < scenario.extensions.size(); ++i) {
    const ContextExtension& extension = scenario.extensions[i];
    const SimulatedStep& step = steps[i + 1];
    const double count = static_cast<double>(extension.steps);
    costs.push_back(run_cost(extension.name + " context extension",
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

void compare_with_published(const Scenario& scenario, TrainingReport& report) {
  for (const PublishedFigure& figure : scenario.published) {
    const std::optional<double> projected = report_metric(report, figure.metric);
    check(projected.has_value(), "every metric a scenario may name is in the report");
    report.published.push_back({.metric = figure.metric,
                                .published = figure.value,
                                .projected = *projected,
                                .source = figure.source});
  }
}

}  // namespace

void check_against_profile(const Scenario& scenario, const Profile& profile) {
  const TrainingPlan& plan = scenario.plan;
  const Place place{.file = scenario.path, .line = 0, .column = 0};
  if (plan.communication_sms >= profile.gpu.sms) {
    throw InputError(place,
                     fmt::format("plan.communication_sms is {}, but {} has {} SMs in all",
                                 plan.communication_sms,
                                 profile.gpu.name,
                                 profile.gpu.sms),
                     "leave most of them to compute; DeepSeek-V3 gave 20 of 132 to communication");
  }
  const int needed = profile.link(TransferKind::kDispatch, Medium::kNic).sms;
  if (plan.expert > 1 && plan.communication_sms < needed) {
    throw InputError(place,
                     fmt::format("plan.communication_sms is {}, but {}'s dispatch and combine were "
                                 "measured with {}; slower ones on fewer SMs are not modelled",
                                 plan.communication_sms,
                                 profile.gpu.name,
                                 needed),
                     fmt::format("communication_sms = {} is the least", needed));
  }
  if (plan.recipe.gemm == Precision::kFp8Block && profile.gpu.fp8_peak <= FlopRate{}) {
    throw InputError(place,
                     fmt::format("plan.precision is fp8-block, but {} has no FP8 tensor cores",
                                 profile.gpu.name),
                     "use precision = \"bf16\"");
  }
}

TrainingReport project_training(const Scenario& scenario, const Profile& profile, Folding folding) {
  check_against_profile(scenario, profile);
  std::vector<TrainingPlan> plans = {scenario.plan};
  for (const ContextExtension& extension : scenario.extensions) {
    plans.push_back(extension_plan(scenario.plan, extension));
  }
  const std::optional<TrainingPlan> shorter =
      scenario.run.ramp ? shorter_step(scenario.plan) : std::nullopt;
  if (shorter) {
    plans.push_back(*shorter);
  }
  const std::vector<SimulatedStep> steps = simulate_steps(scenario, profile, folding, plans);
  const SimulatedStep& main = steps.front();
  const Timeline& timeline = main.timeline;

  const Schedule schedule = make_schedule(
      scenario.plan.schedule, schedule_size(scenario.plan, scenario.plan.micro_batches()));
  const std::vector<Stage> stages = make_stages(scenario.model, scenario.plan, schedule.stages);
  const std::vector<MemoryUse> memory =
      peak_memory(scenario.model, scenario.plan, schedule, stages);
  const std::vector<PhaseTimes> phases = phase_times(timeline);

  TrainingReport report;
  report.scenario = scenario.name;
  report.title = scenario.title;
  report.plan = plan_line(scenario.plan);
  report.gpu = profile.gpu.name;
  report.step = step_report(main);
  report.phases = phases.front();
  report.mean_phases = mean_phases(timeline, phases);
  report.ranks = rank_reports(timeline, phases, memory);
  report.critical_path = critical_path(timeline);
  report.origins = origin_shares(*main.graph, profile, scenario.plan.communication_sms);
  report.efficiency = efficiency_report(scenario, profile, report.step);
  report.memory = memory_report(memory, profile);
  report.links = link_reports(timeline);
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
  compare_with_published(scenario, report);
  return report;
}

}  // namespace towtank
