#include "sim/published/run_scenario.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <regex>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/published/name_key.hpp"
#include "sim/published/plan_choice.hpp"
#include "sim/published/precision_words.hpp"
#include "sim/published/recompute_words.hpp"

namespace towtank {
namespace {

constexpr int kMostModelParallel =
    64;  // tensor x pipeline ranks that are tried where cells are blank
constexpr std::int64_t kUsualSequence = 8192;  // beyond it, blank context ranks are searched
constexpr double kMostRounding = 0.05;         // of a batch that does not divide
constexpr std::int64_t kRounds = 8;  // micro-batches a pipeline rank, where the batch is blank

[[noreturn]] void not_covered(const std::string& why) {
  throw InputError({}, why);
}

std::vector<int> divisors_up_to(std::int64_t number, std::int64_t most) {
  std::vector<int> divisors;
  for (std::int64_t i = 1; i <= std::min(number, most); ++i) {
    if (number % i == 0) {
      divisors.push_back(static_cast<int>(i));
    }
  }
  return divisors;
}

std::vector<int> powers_of_two_up_to(std::int64_t most) {
  std::vector<int> powers;
  for (std::int64_t i = 1; i <= most; i *= 2) {
    powers.push_back(static_cast<int>(i));
  }
  return powers;
}

/// Collects a row's plan and what was assumed for it.
class PlanFiller {
 public:
  PlanFiller(const PublishedRun& run, RunScenario& scenario)
      : run_(run), scenario_(scenario), habits_(*scenario.habits) {}

  void fill() {
    fill_known();
    fill_recipe();
    fill_sequence();
    fill_sharding();
    PlanOptions options = options_of_row();
    fill_batch(options);
    choose(options);
    tell_choices();
  }

 private:
  void assume(std::string text) { scenario_.assumptions.push_back(std::move(text)); }

  bool remarked(std::string_view words) const {
    return mentions(run_.confidence, words) || mentions(run_.model, words);
  }

  /// What the stack's publishers said of the model elsewhere.
  void fill_known() {
    const auto known = std::ranges::find_if(habits_.known_plans, [this](const KnownPlan& plan) {
      return mentions(run_.model, plan.model);
    });
    if (known == habits_.known_plans.end()) {
      return;
    }
    bool filled = false;
    const auto fill_cell = [&filled](const std::optional<std::int64_t>& from,
                                     std::optional<std::int64_t>& cell) {
      filled = filled || (!cell && from);
      cell = cell ? cell : from;
    };
    fill_cell(known->batch, run_.batch);
    fill_cell(known->tensor, run_.tensor);
    fill_cell(known->pipeline, run_.pipeline);
    fill_cell(known->expert, run_.expert);
    if (filled) {
      assume("plan of " + known->source);
    }
  }

  void fill_recipe() {
    TrainingPlan& plan = scenario_.plan;
    std::optional<Precision> stated = precision_of(run_.precision);
    if (stated == Precision::kFp8 && habits_.precision == Precision::kFp8Block) {
      stated = habits_.precision;  // "FP8" as the stack has it
    }
    plan.recipe.gemm = stated.value_or(usual_precision());
    plan.recipe.moments = habits_.moments;
    plan.recipe.gradients = habits_.gradients;
    plan.overlap = habits_.overlap;
    plan.recipe.loss = habits_.loss;
    plan.recipe.fused_attention = habits_.fused_attention;
    plan.recipe.dropout = habits_.dropout;
    plan.forwards_in_node = habits_.forwards_in_node;
    plan.context_exchange = habits_.context_exchange;
    plan.stack = stack_on(habits_, scenario_.profile->gpu.name);
    plan.blocking_pipeline = habits_.blocking_pipeline;
    plan.communication_sms = habits_.communication_sms;
    plan.schedule = habits_.schedule;
    plan.sequence_parallel = habits_.sequence_parallel || mentions(run_.recompute, "+SP");
    if (!stated) {
      assume(fmt::format("precision of {}'s runs", habits_.stack.name));
    }
    const Gpu& gpu = scenario_.profile->gpu;
    const Precision gemm = plan.recipe.gemm;
    const bool eight_bits = gemm == Precision::kFp8 || gemm == Precision::kFp8Block;
    if (eight_bits && gpu.fp8_peak <= FlopRate{}) {
      not_covered(fmt::format("{} has no FP8 tensor cores", gpu.name));
    }
    if (gemm == Precision::kFp4 && gpu.fp4_peak <= FlopRate{}) {
      not_covered(fmt::format("{} has no FP4 tensor cores", gpu.name));
    }
  }

  /// FP8 where the stack's runs are in FP4 and the GPU has none.
  Precision usual_precision() const {
    const bool lacks =
        habits_.precision == Precision::kFp4 && scenario_.profile->gpu.fp4_peak <= FlopRate{};
    return lacks ? Precision::kFp8 : habits_.precision;
  }

  void fill_sequence() {
    if (!run_.sequence) {
      not_covered("seq_len is blank, and step time follows from it");
    }
    scenario_.plan.sequence = *run_.sequence;
  }

  /// FSDP is told in words; the sources that use it write its group into the dp column.
  void fill_sharding() {
    TrainingPlan& plan = scenario_.plan;
    plan.zero_stage = habits_.zero;
    if (remarked("SHARD_GRAD_OP")) {
      plan.zero_stage = 2;
    } else if (remarked("FSDP") || remarked("FULL_SHARD")) {
      plan.zero_stage = 3;
    }
  }

  std::vector<int> or_one_of(const std::optional<std::int64_t>& cell, std::vector<int> others) {
    if (cell) {
      return {static_cast<int>(*cell)};
    }
    return others;
  }

  std::vector<int> expert_tensors() const {
    std::smatch found;
    const std::string remark = lower_case_text(run_.confidence);
    if (std::regex_search(remark, found, std::regex("\\betp ?([0-9]{1,3})\\b"))) {
      return {std::stoi(found[1].str())};
    }
    if (scenario_.model.moe.experts == 0 || !habits_.experts_share_tensor || !run_.tensor) {
      return {1};
    }
    return {static_cast<int>(*run_.tensor), 1};
  }

  std::vector<Recompute> recomputes() const {
    const Architecture& model = scenario_.model;
    if (const auto stated = recompute_of(run_.recompute, habits_.selective, model)) {
      return {*stated};
    }
    return {Recompute{},
            possible_recompute(habits_.selective, model),
            Recompute{.core_attention = true},
            Recompute{.norms = true, .swiglu = true, .core_attention = true},
            Recompute{.layers = true}};
  }

  PlanOptions options_of_row() {
    const std::int64_t gpus = *run_.gpus;
    const Architecture& model = scenario_.model;
    const bool alone = !habits_.model_parallel;
    const std::int64_t domain = std::min<std::int64_t>(8, scenario_.cluster.gpus_per_node);
    PlanOptions options;
    options.tensor = or_one_of(
        run_.tensor, habits_.tensor_parallel ? powers_of_two_up_to(domain) : std::vector<int>{1});
    options.pipeline = or_one_of(
        run_.pipeline,
        alone ? std::vector<int>{1}
              : divisors_up_to(gpus, std::min<std::int64_t>(model.layers, kMostModelParallel)));
    const bool is_long = *run_.sequence > kUsualSequence;
    options.context =
        or_one_of(run_.context, is_long ? powers_of_two_up_to(16) : std::vector<int>{1});
    const bool moe = model.moe.experts > 0;
    options.expert =
        or_one_of(moe ? run_.expert : std::optional<std::int64_t>(run_.expert.value_or(1)),
                  divisors_up_to(moe ? model.moe.experts : 1, gpus));
    options.expert_tensor = expert_tensors();
    options.interleave = or_one_of(run_.interleave, {1});
    if (!run_.interleave) {
      options.layers_per_stage = habits_.layers_per_stage;
    } else if (*run_.interleave > 1) {
      options.interleave.push_back(1);
    }
    options.micro_batch = run_.micro_batch;
    options.recompute = recomputes();
    options.even_stages = habits_.stages == StageHabit::kEven;
    return options;
  }

  /// A blank batch has whole rounds of micro-batches; one that does not divide is rounded up.
  void fill_batch(const PlanOptions& options) {
    const std::int64_t ranks =
        std::int64_t{options.tensor.front()} * options.pipeline.front() * options.context.front();
    const std::int64_t replicas = std::max<std::int64_t>(*run_.gpus / ranks, 1);
    const std::int64_t round = replicas * options.micro_batch.value_or(1);
    if (!run_.batch) {
      scenario_.plan.batch = round * options.pipeline.front() * kRounds;
      assume(fmt::format("batch of {} sequences", scenario_.plan.batch));
      return;
    }
    scenario_.plan.batch = *run_.batch;
    const bool stated = run_.tensor && run_.pipeline;
    if (!stated || *run_.batch % round == 0) {
      return;
    }
    const std::int64_t rounded = (*run_.batch + round - 1) / round * round;
    const double share = static_cast<double>(*run_.batch) / static_cast<double>(rounded);
    if (share < 1.0 - kMostRounding) {
      return;
    }
    scenario_.plan.batch = rounded;
    scenario_.share = share;
    assume(fmt::format("batch of {}, which divides, its time in proportion", rounded));
  }

  void choose(PlanOptions options) {
    std::string problem = "no plan divides";
    const Bytes memory = scenario_.profile->gpu.memory;
    const int gpus = static_cast<int>(*run_.gpus);
    std::optional<ChosenPlan> chosen;
    if (options.interleave.size() > 1) {  // as stated first, then without virtual stages
      PlanOptions stated = options;
      stated.interleave.resize(1);
      chosen = choose_plan(scenario_.model, scenario_.plan, stated, gpus, memory, problem);
      if (!chosen) {
        options.interleave = {1};
        assume("no virtual stages: " + problem);
      }
    }
    if (!chosen) {
      chosen = choose_plan(scenario_.model, scenario_.plan, options, gpus, memory, problem);
    }
    if (!chosen) {
      not_covered(problem);
    }
    scenario_.plan = std::move(chosen->plan);
    if (!chosen->fits) {
      assume("projected although it does not fit the GPU's memory by Towtank's account");
    }
  }

  void tell_if_blank(const std::optional<std::int64_t>& cell, std::string_view what, int value) {
    if (!cell) {
      assume(fmt::format("{} {}", what, value));
    }
  }

  void tell_choices() {
    TrainingPlan& plan = scenario_.plan;
    tell_if_blank(run_.tensor, "tp", plan.tensor);
    tell_if_blank(run_.pipeline, "pp", plan.pipeline);
    tell_if_blank(run_.context, "cp", plan.context);
    tell_if_blank(run_.micro_batch, "micro-batch", plan.micro_batch);
    if (scenario_.model.moe.experts > 0) {
      tell_if_blank(run_.expert, "ep", plan.expert);
      assume("balanced experts");
    }
    if (!run_.interleave && plan.interleave > 1) {
      assume(fmt::format("vp {}", plan.interleave));
    }
    if (run_.recompute.empty()) {
      assume("recompute: " + recompute_text(plan.recipe.recompute));
    }
    const int replicas = plan.data / plan.context;
    if (plan.zero_stage == 3 && run_.data && *run_.data < replicas && replicas % *run_.data == 0) {
      plan.shard = static_cast<int>(*run_.data) * plan.context;
    }
  }

  static std::string recompute_text(const Recompute& recompute) {
    if (recompute.layers) {
      return "whole layers, as nothing less fits";
    }
    std::string text;
    const auto add = [&](bool flag, std::string_view word) {
      if (flag) {
        text += (text.empty() ? "" : ", ") + std::string(word);
      }
    };
    add(recompute.norms, "norms");
    add(recompute.up_projections, "up-projections");
    add(recompute.swiglu, "activations");
    add(recompute.core_attention, "core attention");
    add(recompute.shared_experts, "shared experts");
    add(recompute.mlp, "MLPs");
    return text.empty() ? "none" : text + ", as less does not fit";
  }

  PublishedRun run_;  // with blank cells filled from what is known of the model
  RunScenario& scenario_;
  const StackHabits& habits_;
};

const Site* site_of(const std::vector<Site>& sites, const PublishedRun& run) {
  const auto found = std::ranges::find_if(sites, [&](const Site& site) {
    return std::ranges::any_of(
        site.sources, [&](const std::string& words) { return mentions(run.source, words); });
  });
  return found == sites.end() ? nullptr : &*found;
}

/// A GPU that differs from its profile's in clock or memory.
void slow_down(RunScenario& scenario, const NamedGpu& gpu) {
  SoftwareStack& stack = scenario.plan.stack;
  stack.compute_slowdown *= gpu.compute_slowdown;
  if (gpu.memory_bandwidth > Bandwidth{}) {
    stack.memory_slowdown *= scenario.profile->gpu.memory_bandwidth / gpu.memory_bandwidth;
  }
}

}  // namespace

RunScenario scenario_of(const PublishedRun& run, const RunLibrary& library) {
  if (!run.mistakes.empty()) {
    not_covered(run.mistakes.front());
  }
  const NamedGpu* const gpu = find_gpu(library.gpus(), run.gpu);
  if (gpu == nullptr) {
    not_covered(fmt::format("there is no profile of a GPU '{}'", run.gpu));
  }
  if (!run.gpus) {
    not_covered("n_gpus is blank");
  }
  RunScenario scenario;
  FoundModel found = library.models().model_of(run);
  scenario.model = std::move(found.model);
  scenario.assumptions = std::move(found.assumptions);
  if (!gpu->remark.empty()) {
    scenario.assumptions.push_back(gpu->remark);
  }
  scenario.profile = &library.profile_of(*gpu);
  const Site* const site = site_of(library.sites(), run);
  if (site != nullptr) {
    scenario.assumptions.push_back(site->remark);
  }
  scenario.cluster = cluster_of(*gpu, *scenario.profile, site, static_cast<int>(*run.gpus));
  const ChosenStack stack = choose_stack(library.stacks(), run, gpu->profile);
  scenario.habits = stack.habits;
  if (!stack.assumption.empty()) {
    scenario.assumptions.push_back(stack.assumption);
  }
  PlanFiller(run, scenario).fill();
  slow_down(scenario, *gpu);
  return scenario;
}

}  // namespace towtank
