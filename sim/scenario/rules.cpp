#include "sim/scenario/rules.hpp"

#include <algorithm>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"
#include "sim/scenario/divisors.hpp"
#include "sim/scenario/model_reader.hpp"
#include "sim/scenario/rank_rules.hpp"
#include "sim/scenario/rule_book.hpp"

namespace towtank {
namespace {

constexpr std::int64_t kMostRanks = 1 << 22;
constexpr std::int64_t kMostMicroBatches =
    65'536;  // of a pipeline; a step of more is not simulated

std::string count(std::int64_t value) {
  return format_count(static_cast<double>(value));
}

void check_cluster(const Cluster& cluster, Rules& rules) {
  const std::int64_t gpus = std::int64_t{cluster.nodes} * cluster.gpus_per_node;
  rules.require(gpus <= kMostRanks,
                {"cluster.nodes", "cluster.gpus_per_node"},
                fmt::format("{} GPUs are more than can be simulated", count(gpus)),
                fmt::format("up to {} GPUs", count(kMostRanks)));
}

/// Whether plan.recompute, which was read without a mistake, has this word.
bool recompute_says(std::string_view word, const Rules& rules) {
  const TomlMember* const plan = find_member(rules.document(), "plan");
  const TomlMember* const words = plan == nullptr ? nullptr : find_member(plan->node, "recompute");
  const auto* const items = words == nullptr ? nullptr : std::get_if<TomlArray>(&words->node.value);
  return items != nullptr && std::ranges::any_of(*items, [word](const TomlNode& item) {
           const auto* const text = std::get_if<std::string>(&item.value);
           return text != nullptr && *text == word;
         });
}

/// Words of plan.recompute that name something the model has.
void check_recompute(const Architecture& model, const TrainingPlan& plan, Rules& rules) {
  const Recompute& recompute = plan.recipe.recompute;
  rules.require(
      !recompute.up_projections || std::holds_alternative<LatentAttention>(model.attention),
      {"plan.recompute", "model.attention"},
      "\"up-projections\" are those of latent attention, which the model does not have",
      "leave it out");
  rules.require(model.gated_mlp || !recompute_says("swiglu", rules),
                {"plan.recompute", "model.mlp"},
                "\"swiglu\" is the product of a gated MLP, which the model does not have",
                "write \"activation\"");
  rules.require(!recompute.shared_experts || model.moe.width_of_shared() > 0,
                {"plan.recompute", "model.moe"},
                "\"shared-experts\" of a model that has none",
                "leave it out");
}

/// Sequences that the model's positions and its attention allow.
void check_sequence(const Architecture& model,
                    std::int64_t sequence,
                    const std::string& key,
                    Rules& rules) {
  const std::int64_t positions = model.learned_positions;
  rules.require(
      positions == 0 || sequence <= positions,
      {key, "model.learned_positions"},
      fmt::format(
          "a sequence of {} tokens for {} learned positions", count(sequence), count(positions)),
      fmt::format("model.learned_positions = {} makes it a model that has them", sequence));
  const std::int64_t longest = longest_modelled_sequence(rules.document());
  rules.require(longest == 0 || sequence <= longest,
                {key, "model.attention.chunk"},
                fmt::format("attention in chunks of {} tokens is modelled for sequences of one "
                            "chunk only, found {}",
                            count(longest),
                            count(sequence)),
                fmt::format("a sequence of {} or less", longest));
}

std::int64_t stages_of(const TrainingPlan& plan) {
  switch (plan.schedule) {
    case ScheduleKind::kInterleaved1F1B:
      return std::int64_t{plan.pipeline} * plan.interleave;
    case ScheduleKind::kDualPipeV:
      return std::int64_t{plan.pipeline} * 2;
    case ScheduleKind::kGpipe:
    case ScheduleKind::k1F1B:
    case ScheduleKind::kZb1p:
    case ScheduleKind::kDualPipe:  // its two stages a rank are one stage of each direction
      break;
  }
  return plan.pipeline;
}

void check_stages(const TrainingPlan& plan, std::int64_t layers, Rules& rules) {
  const std::int64_t stages = stages_of(plan);
  const std::string spelt = fmt::format(
      "{} stages ({} on {} pipeline ranks)", stages, name(plan.schedule), plan.pipeline);
  const std::int64_t per_rank = stages / plan.pipeline;
  rules.require(stages <= layers,
                {"plan.pipeline", "plan.schedule", "plan.interleave", "model.layers"},
                fmt::format("{}, but the model has {} layers", spelt, layers),
                layers >= per_rank
                    ? fmt::format("pipeline = {} or less", layers / per_rank)
                    : fmt::format("a schedule with fewer stages a rank than {}", per_rank));
  if (plan.stage_layers.empty()) {
    return;
  }
  const auto given = static_cast<std::int64_t>(plan.stage_layers.size());
  rules.require(given == stages,
                {"plan.stage_layers", "plan.pipeline", "plan.schedule", "plan.interleave"},
                fmt::format("stage_layers has {} entries for {}", given, spelt),
                "one entry a stage, or leave it out to have the layers balanced");
  const std::int64_t sum =
      std::accumulate(plan.stage_layers.begin(), plan.stage_layers.end(), std::int64_t{0});
  rules.require(sum == layers,
                {"plan.stage_layers", "model.layers"},
                fmt::format("stage_layers sums to {}, but the model has {} layers", sum, layers));
}

/// The batch of one phase of the run, and the keys that describe it.
struct PhaseBatch {
  std::string sequence_key;
  std::string batch_key;
  std::string context_key;
  std::int64_t sequence = 0;
  std::int64_t batch = 0;
  int context = 1;
};

/// The number of micro-batches nearest to `size`'s for which the schedule can be built, going up or
/// down by `step`; as far as any schedule's rules make necessary.
std::optional<int> workable_micro_batches(ScheduleKind kind, ScheduleSize size, int step) {
  const int tries = 2 * size.ranks + 2;
  for (int i = 0; i <= tries && size.micro_batches >= 1; ++i) {
    if (!schedule_problem(kind, size)) {
      return size.micro_batches;
    }
    size.micro_batches += step;
  }
  return std::nullopt;
}

/// Ranks and interleaving that no number of micro-batches could make right.
void check_schedule(const TrainingPlan& plan, Rules& rules) {
  const ScheduleSize size{
      .ranks = plan.pipeline, .micro_batches = 1, .interleave = plan.interleave};
  const bool hopeless = !workable_micro_batches(plan.schedule, size, 1);
  rules.require(!hopeless,
                {"plan.schedule", "plan.pipeline", "plan.interleave"},
                hopeless ? *schedule_problem(plan.schedule, size) : "");
}

/// "batch = 14848 or 15104 would do": batches that divide and whose micro-batches suit the
/// schedule. `size` has the micro-batches of the batch as it is, rounded down.
std::string workable_batches(ScheduleKind kind, ScheduleSize size, std::int64_t per_round) {
  const std::optional<int> below = workable_micro_batches(kind, size, -1);
  ++size.micro_batches;
  const std::optional<int> above = workable_micro_batches(kind, size, 1);
  if (below && above) {
    return fmt::format("batch = {} or {} would do", *below * per_round, *above * per_round);
  }
  return above ? fmt::format("batch = {} would do", *above * per_round) : "";
}

void check_micro_batches(const TrainingPlan& plan, const PhaseBatch& phase, Rules& rules) {
  if (!rules.sound({phase.batch_key,
                    "plan.data",
                    "plan.pipeline",
                    "plan.tensor",
                    "plan.micro_batch",
                    "plan.schedule",
                    "plan.interleave"})) {
    return;
  }
  const std::int64_t replicas = plan.data / phase.context;
  const std::int64_t per_round = replicas * plan.micro_batch;
  const std::int64_t micro_batches = phase.batch / per_round;
  if (micro_batches > kMostMicroBatches) {
    rules.require(false,
                  {phase.batch_key},
                  fmt::format("{} micro-batches a pipeline are more than can be simulated",
                              count(micro_batches)),
                  fmt::format("batch = {} or less", kMostMicroBatches * per_round));
    return;
  }
  const ScheduleSize size{.ranks = plan.pipeline,
                          .micro_batches = static_cast<int>(micro_batches),
                          .interleave = plan.interleave};
  if (phase.batch % per_round != 0) {
    rules.require(
        false,
        {phase.batch_key},
        fmt::format("a batch of {} sequences does not divide into micro-batches of {} on {} "
                    "replicas ({} data ranks, {} to a sequence)",
                    count(phase.batch),
                    plan.micro_batch,
                    replicas,
                    plan.data,
                    phase.context),
        workable_batches(plan.schedule, size, per_round));
  } else if (const auto problem = schedule_problem(plan.schedule, size)) {
    rules.require(
        false, {phase.batch_key}, *problem, workable_batches(plan.schedule, size, per_round));
  }
}

/// Between linear layers tensor ranks share a micro-batch's tokens.
void check_own_tokens(const TrainingPlan& plan, const PhaseBatch& phase, Rules& rules) {
  const std::int64_t tokens = plan.micro_batch * phase.sequence / phase.context;
  rules.require(!plan.sequence_parallel || tokens % plan.tensor == 0,
                {"plan.tensor", "plan.micro_batch", phase.sequence_key, phase.context_key},
                fmt::format("{} tokens of a micro-batch do not divide over {} tensor ranks",
                            count(tokens),
                            plan.tensor),
                fmt::format("tensor = {} would do, or sequence_parallel = false",
                            divisors_around(tokens, plan.tensor)));
}

void check_phase(const Architecture& model,
                 const TrainingPlan& plan,
                 const PhaseBatch& phase,
                 Rules& rules) {
  check_sequence(model, phase.sequence, phase.sequence_key, rules);
  const std::string hint = fmt::format(
      "context = {} would do", divisor_up_to(std::gcd(phase.sequence, plan.data), phase.context));
  rules.require(plan.data % phase.context == 0,
                {phase.context_key, "plan.data", "plan.pipeline", "plan.tensor"},
                fmt::format("{} data ranks do not divide into groups of {} that share a sequence",
                            plan.data,
                            phase.context),
                hint);
  rules.require(phase.sequence % phase.context == 0,
                {phase.context_key, phase.sequence_key},
                fmt::format("a sequence of {} tokens does not divide over {} ranks",
                            count(phase.sequence),
                            phase.context),
                hint);
  check_own_tokens(plan, phase, rules);
  rules.require(plan.recipe.fused_attention || phase.context == 1,
                {"plan.fused_attention", phase.context_key},
                "ranks that share a sequence and write its scores to memory are not modelled",
                "fused_attention = true, or context = 1");
  if (rules.sound({phase.context_key})) {
    check_micro_batches(plan, phase, rules);
  }
}

void check_phases(const Scenario& scenario, Rules& rules) {
  check_phase(scenario.model,
              scenario.plan,
              {.sequence_key = "training.sequence",
               .batch_key = "training.batch",
               .context_key = "plan.context",
               .sequence = scenario.plan.sequence,
               .batch = scenario.plan.batch,
               .context = scenario.plan.context},
              rules);
  std::set<std::string> names;
  for (std::size_t i = 0; i < scenario.extensions.size(); ++i) {
    const ContextExtension& extension = scenario.extensions[i];
    const std::string key = fmt::format("training.extension.{}.", i);
    check_phase(scenario.model,
                scenario.plan,
                {.sequence_key = key + "sequence",
                 .batch_key = key + "batch",
                 .context_key = key + "context",
                 .sequence = extension.sequence,
                 .batch = extension.batch,
                 .context = extension.context},
                rules);
    rules.require(!rules.sound({key + "name"}) || names.insert(extension.name).second,
                  {key + "name"},
                  fmt::format("a second extension named \"{}\"", shown(extension.name)));
  }
}

void check_run(const Scenario& scenario, Rules& rules) {
  if (scenario.run.ramp) {
    const BatchRamp& ramp = *scenario.run.ramp;
    rules.require(ramp.from <= scenario.plan.batch,
                  {"training.ramp.from", "training.batch"},
                  fmt::format("the ramp starts at {} sequences, above the batch of {}",
                              count(ramp.from),
                              count(scenario.plan.batch)));
    const std::int64_t least =
        std::int64_t{scenario.plan.micro_batch} * scenario.plan.data / scenario.plan.context;
    rules.require(ramp.from >= least,
                  {"training.ramp.from",
                   "plan.micro_batch",
                   "plan.data",
                   "plan.pipeline",
                   "plan.tensor",
                   "plan.context"},
                  fmt::format("the ramp starts at {} sequences, fewer than one micro-batch on each "
                              "replica takes",
                              count(ramp.from)),
                  fmt::format("from = {} is the least", least));
    rules.require(ramp.tokens <= scenario.run.tokens,
                  {"training.ramp.tokens", "training.tokens"},
                  fmt::format("the ramp takes {:g} tokens, more than the run's {:g}",
                              ramp.tokens,
                              scenario.run.tokens));
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < scenario.stated.size(); ++i) {
    const std::string key = fmt::format("training.stated.{}.name", i);
    rules.require(
        !rules.sound({key}) || names.insert(scenario.stated[i].name).second,
        {key},
        fmt::format("a second stated phase named \"{}\"", shown(scenario.stated[i].name)));
  }
  std::set<std::string> metrics;
  for (std::size_t i = 0; i < scenario.published.size(); ++i) {
    const std::string key = fmt::format("published.{}.metric", i);
    rules.require(!rules.sound({key}) || metrics.insert(scenario.published[i].metric).second,
                  {key},
                  fmt::format("a second published figure for {}", scenario.published[i].metric));
  }
}

}  // namespace

void check_rules(Scenario& scenario, const TomlNode& document, Mistakes& mistakes) {
  Rules rules(document, mistakes);
  check_model(scenario.model, rules);
  check_cluster(scenario.cluster, rules);
  check_ranks(scenario.plan, scenario.cluster, rules);
  check_tensor(scenario.model, scenario.plan, rules);
  check_schedule(scenario.plan, rules);
  check_stages(scenario.plan, scenario.model.layers, rules);
  check_experts(scenario, rules);
  check_sharding(scenario.model, scenario.plan, rules);
  check_recompute(scenario.model, scenario.plan, rules);
  check_phases(scenario, rules);
  check_run(scenario, rules);
}

}  // namespace towtank
