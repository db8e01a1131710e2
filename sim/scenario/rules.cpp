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
#include "sim/scenario/expert_load_reader.hpp"
#include "sim/scenario/model_reader.hpp"
#include "sim/scenario/rule_book.hpp"

namespace towtank {
namespace {

constexpr std::int64_t kMostRanks = 1 << 22;
constexpr std::int64_t kMostMicroBatches =
    65'536;  // of a pipeline; a step of more is not simulated

std::string count(std::int64_t value) {
  return format_count(static_cast<double>(value));
}

/// The experts' load and layout, on groups of these shapes that were found right.
void require_possible(const ExpertPlan& plan,
                      const ExpertLayer& layer,
                      const std::vector<GroupShape>& shapes,
                      Rules& rules) {
  for (const GroupShape& shape : shapes) {
    if (rules.sound({"model.moe.experts",
                     "model.moe.top_k",
                     "model.moe.groups",
                     "model.moe.groups_per_token",
                     "plan.expert",
                     "cluster.gpus",
                     "cluster.gpus_per_node"})) {
      check_expert_plan(plan, layer, shape, rules.document(), rules.mistakes());
    }
  }
}

/// "1 node", "3 nodes"
std::string counted(std::int64_t value, std::string_view word) {
  return fmt::format("{} {}{}", count(value), word, value == 1 ? "" : "s");
}

/// "24 GPUs (3 nodes of 8)", "20 GPUs (2 nodes of 8 and one of 4)", "7 GPUs (on a node of 8)"
std::string gpus_text(const Cluster& cluster) {
  const std::string all = counted(cluster.gpus(), "GPU");
  if (cluster.idle == 0) {
    return fmt::format("{} ({} of {})", all, counted(cluster.nodes, "node"), cluster.gpus_per_node);
  }
  if (cluster.nodes == 1) {
    return fmt::format("{} (on a node of {})", all, cluster.gpus_per_node);
  }
  return fmt::format("{} ({} of {} and one of {})",
                     all,
                     counted(cluster.nodes - 1, "node"),
                     cluster.gpus_per_node,
                     cluster.gpus_per_node - cluster.idle);
}

void check_cluster(const Cluster& cluster, Rules& rules) {
  const std::int64_t gpus = std::int64_t{cluster.nodes} * cluster.gpus_per_node;
  rules.require(gpus <= kMostRanks,
                {"cluster.nodes", "cluster.gpus_per_node"},
                fmt::format("{} GPUs are more than can be simulated", count(gpus)),
                fmt::format("up to {} GPUs", count(kMostRanks)));
}

/// The pipeline and data ranks use every GPU of the cluster. An absent `data` follows from that.
void check_ranks(TrainingPlan& plan, const Cluster& cluster, Rules& rules) {
  const bool derived = !rules.given("plan", "data");
  if (!rules.sound({"cluster.nodes",
                    "cluster.gpus",
                    "cluster.gpus_per_node",
                    "plan.nodes",
                    "plan.pipeline"})) {
    if (derived) {
      rules.distrust("plan.data");
    }
    return;
  }
  const int gpus = cluster.gpus();
  const int data = gpus / plan.pipeline;
  const std::int64_t ranks = std::int64_t{plan.pipeline} * plan.data;
  // Of a placement, cluster.gpus would count the GPUs of all the cluster's nodes.
  const bool fill_nodes_in_part = !derived && !rules.given("plan", "nodes") && ranks < gpus &&
                                  ranks > std::int64_t{cluster.nodes - 1} * cluster.gpus_per_node;
  const std::string uses_only = fmt::format("cluster.gpus = {} uses only so many", ranks);
  rules.require(
      gpus % plan.pipeline == 0,
      {"plan.pipeline"},
      fmt::format("{} do not divide into {} pipeline ranks", gpus_text(cluster), plan.pipeline),
      fmt::format("pipeline = {} would do{}",
                  divisors_around(gpus, plan.pipeline),
                  fill_nodes_in_part ? "; " + uses_only : ""));
  if (derived) {
    plan.data = std::max(data, 1);
    return;
  }
  rules.require(ranks == gpus,
                {"plan.data", "plan.pipeline"},
                fmt::format("pipeline {} x data {} is {} ranks, but the cluster has {}",
                            plan.pipeline,
                            plan.data,
                            count(ranks),
                            gpus_text(cluster)),
                fill_nodes_in_part
                    ? fmt::format("data = {}; {}", data, uses_only)
                    : fmt::format("data = {}, or leave it out to have it derived", data));
}

/// The shapes of groups of `size` consecutive ranks, which fill the ranks: by where on its node a
/// group begins.
std::vector<GroupShape> shapes_of_groups(std::int64_t size,
                                         std::int64_t ranks,
                                         std::int64_t per_node) {
  std::vector<GroupShape> shapes;
  std::set<std::int64_t> begun;  // places
  for (std::int64_t first = 0; first < ranks && begun.insert(first % per_node).second;
       first += size) {
    std::vector<int> members;
    for (std::int64_t rank = first; rank < first + size;) {
      const std::int64_t next = std::min(first + size, (rank / per_node + 1) * per_node);
      members.push_back(static_cast<int>(next - rank));
      rank = next;
    }
    const auto [fewest, most] = std::ranges::minmax(members);
    GroupShape shape{.local = most, .nodes = static_cast<int>(members.size())};
    if (fewest != most) {
      shape.uneven = std::move(members);
    }
    if (std::ranges::find(shapes, shape) == shapes.end()) {
      shapes.push_back(std::move(shape));
    }
  }
  return shapes;
}

/// The most expert-parallel ranks, up to the plan's, with which every rule about them holds.
std::int64_t workable_expert_ranks(const Scenario& scenario) {
  const ExpertLayer& moe = scenario.model.moe;
  for (std::int64_t expert = scenario.plan.expert; expert > 1; --expert) {
    if (scenario.plan.data % expert == 0 && moe.experts % expert == 0) {
      return expert;
    }
  }
  return 1;
}

/// A dense model has nothing to share out or to place.
void check_no_experts(const TrainingPlan& plan, Rules& rules) {
  rules.require(plan.expert == 1,
                {"plan.expert", "model.moe"},
                fmt::format("{} expert-parallel ranks for a model without experts", plan.expert),
                "expert = 1, or leave it out");
  const TomlMember* const experts = find_member(rules.document(), "experts");
  rules.require(experts == nullptr,
                {"experts", "model.moe"},
                "a model without experts has no load on them",
                "leave [experts] out");
}

/// Words of plan.recompute that name something the model has.
void check_recompute(const Architecture& model, const TrainingPlan& plan, Rules& rules) {
  const Recompute& recompute = plan.recipe.recompute;
  rules.require(
      !recompute.up_projections || std::holds_alternative<LatentAttention>(model.attention),
      {"plan.recompute", "model.attention"},
      "\"up-projections\" are those of latent attention, which the model does not have",
      "leave it out");
  rules.require(!recompute.swiglu || model.gated_mlp,
                {"plan.recompute", "model.mlp"},
                "\"swiglu\" is the product of a gated MLP, which the model does not have",
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

/// Expert-parallel groups are runs of `expert` consecutive data ranks, which need not fill nodes.
void check_experts(const Scenario& scenario, Rules& rules) {
  const TrainingPlan& plan = scenario.plan;
  const ExpertLayer& moe = scenario.model.moe;
  if (moe.experts == 0) {
    check_no_experts(plan, rules);
    return;
  }
  const std::string hint = fmt::format("expert = {} would do", workable_expert_ranks(scenario));
  rules.require(
      plan.data % plan.expert == 0,
      {"plan.expert", "plan.data", "plan.pipeline"},
      fmt::format(
          "{} data ranks do not divide into expert-parallel groups of {}", plan.data, plan.expert),
      hint);
  rules.require(
      plan.expert_plan.redundant > 0 || moe.experts % plan.expert == 0,
      {"plan.expert", "model.moe.experts"},
      fmt::format(
          "{} experts do not divide over {} expert-parallel ranks", moe.experts, plan.expert),
      hint);
  require_possible(plan.expert_plan,
                   moe,
                   shapes_of_groups(plan.expert,
                                    std::int64_t{plan.pipeline} * plan.data,
                                    std::max(scenario.cluster.gpus_per_node, 1)),
                   rules);
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

void check_phase(const Architecture& model,
                 const TrainingPlan& plan,
                 const PhaseBatch& phase,
                 Rules& rules) {
  check_sequence(model, phase.sequence, phase.sequence_key, rules);
  const std::string hint = fmt::format(
      "context = {} would do", divisor_up_to(std::gcd(phase.sequence, plan.data), phase.context));
  rules.require(plan.data % phase.context == 0,
                {phase.context_key, "plan.data", "plan.pipeline"},
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
    rules.require(
        ramp.from >= least,
        {"training.ramp.from", "plan.micro_batch", "plan.data", "plan.pipeline", "plan.context"},
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
  check_schedule(scenario.plan, rules);
  check_stages(scenario.plan, scenario.model.layers, rules);
  check_experts(scenario, rules);
  check_recompute(scenario.model, scenario.plan, rules);
  check_phases(scenario, rules);
  check_run(scenario, rules);
}

}  // namespace towtank
