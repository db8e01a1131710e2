#include "sim/plan/memory_fix.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "sim/plan/memory.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/stages.hpp"

namespace towtank {
namespace {

ScheduleSize size_of(const TrainingPlan& plan) {
  return {
      .ranks = plan.pipeline, .micro_batches = plan.micro_batches(), .interleave = plan.interleave};
}

/// Whether tensor ranks divide what they share of the model.
bool divides_layers(const Architecture& model, std::int64_t tensor) {
  const auto* const grouped = std::get_if<GroupedAttention>(&model.attention);
  const bool keys = grouped == nullptr || grouped->kv_heads % tensor == 0 ||
                    tensor % std::max<std::int64_t>(grouped->kv_heads, 1) == 0;
  return keys && attention_heads(model.attention) % tensor == 0 &&
         model.dense_intermediate % tensor == 0 && model.moe.width_of_shared() % tensor == 0;
}

/// Whether a changed plan is one that a scenario may state.
bool is_possible(const Architecture& model, const TrainingPlan& plan) {
  const std::int64_t per_round =
      std::int64_t{plan.data} / plan.context * std::int64_t{plan.micro_batch};
  const std::int64_t group = std::int64_t{plan.expert} * plan.expert_tensor;
  const std::int64_t sharers = std::int64_t{plan.shard} * plan.tensor;
  if (plan.data < 1 || plan.micro_batch < 1 || plan.data % plan.context != 0 || per_round == 0 ||
      plan.batch % per_round != 0 || plan.positions() % group != 0) {
    return false;
  }
  if (plan.shard > 0 && (plan.data % plan.shard != 0 || sharers % group != 0)) {
    return false;
  }
  // Of a DualPipe rank's two stages each is a stage of one direction.
  const int per_rank = plan.schedule == ScheduleKind::kDualPipe
                           ? 1
                           : stages_per_rank(plan.schedule, plan.interleave);
  const std::int64_t stages = std::int64_t{plan.pipeline} * per_rank;
  return divides_layers(model, plan.tensor) && plan.tokens_per_rank() % plan.tensor == 0 &&
         stages <= model.layers && !schedule_problem(plan.schedule, size_of(plan));
}

using Change = std::optional<MemoryFix> (*)(const Architecture&, MemoryFix);

/// Sharding of optimizer states costs no time: what was reduced whole is reduced in parts.
std::optional<MemoryFix> shard_states(const Architecture&, MemoryFix fix) {
  if (fix.plan.zero_stage > 0) {
    return std::nullopt;
  }
  fix.plan.zero_stage = 1;
  fix.settings.emplace_back("zero = 1");
  return fix;
}

/// One more word of plan.recompute.
std::optional<MemoryFix> recompute(MemoryFix fix, bool Recompute::*flag, std::string_view word) {
  Recompute& all = fix.plan.recipe.recompute;
  if (all.*flag || all.layers) {
    return std::nullopt;
  }
  all.*flag = true;
  fix.settings.push_back(fmt::format("recompute also \"{}\"", word));
  return fix;
}

std::optional<MemoryFix> recompute_core(const Architecture&, MemoryFix fix) {
  return recompute(std::move(fix), &Recompute::core_attention, "core-attention");
}

std::optional<MemoryFix> recompute_norms(const Architecture&, MemoryFix fix) {
  return recompute(std::move(fix), &Recompute::norms, "norms");
}

std::optional<MemoryFix> recompute_activation(const Architecture&, MemoryFix fix) {
  return recompute(std::move(fix), &Recompute::swiglu, "activation");
}

std::optional<MemoryFix> recompute_up_projections(const Architecture& model, MemoryFix fix) {
  return has_up_projections(model.attention)
             ? recompute(std::move(fix), &Recompute::up_projections, "up-projections")
             : std::nullopt;
}

std::optional<MemoryFix> recompute_mlp(const Architecture&, MemoryFix fix) {
  return recompute(std::move(fix), &Recompute::mlp, "mlp");
}

std::optional<MemoryFix> recompute_layers(const Architecture&, MemoryFix fix) {
  return recompute(std::move(fix), &Recompute::layers, "layers");
}

std::optional<MemoryFix> shard_more(const Architecture&, MemoryFix fix) {
  if (fix.plan.zero_stage < 1 || fix.plan.zero_stage > 2 || fix.plan.data == 1) {
    return std::nullopt;
  }
  ++fix.plan.zero_stage;
  fix.settings.push_back(fmt::format("zero = {}", fix.plan.zero_stage));
  return fix;
}

/// "data = 4", where the scenario says how many.
void halve_data(MemoryFix& fix) {
  fix.plan.data /= 2;
  fix.settings.push_back(fmt::format("data = {}", fix.plan.data));
}

std::optional<MemoryFix> double_tensor(const Architecture&, MemoryFix fix) {
  if (fix.plan.data % 2 != 0 || !fix.plan.sequence_parallel) {
    return std::nullopt;
  }
  fix.plan.tensor *= 2;
  fix.settings.push_back(fmt::format("tensor = {}", fix.plan.tensor));
  halve_data(fix);
  return fix;
}

std::optional<MemoryFix> double_pipeline(const Architecture&, MemoryFix fix) {
  if (fix.plan.data % 2 != 0) {
    return std::nullopt;
  }
  fix.plan.pipeline *= 2;
  fix.settings.push_back(fmt::format("pipeline = {}", fix.plan.pipeline));
  if (!fix.plan.stage_layers.empty()) {
    fix.plan.stage_layers.clear();
    fix.settings.emplace_back("no stage_layers");
  }
  halve_data(fix);
  return fix;
}

std::optional<MemoryFix> halve_micro_batch(const Architecture&, MemoryFix fix) {
  if (fix.plan.micro_batch % 2 != 0) {
    return std::nullopt;
  }
  fix.plan.micro_batch /= 2;
  fix.settings.push_back(fmt::format("micro_batch = {}", fix.plan.micro_batch));
  return fix;
}

constexpr std::array<Change, 11> kChanges = {shard_states,
                                             recompute_core,
                                             recompute_norms,
                                             recompute_activation,
                                             recompute_up_projections,
                                             recompute_mlp,
                                             recompute_layers,
                                             shard_more,
                                             double_tensor,
                                             double_pipeline,
                                             halve_micro_batch};

bool fits(const Architecture& model, const MemoryFix& fix, Bytes capacity) {
  return is_possible(model, fix.plan) && peak_of_plan(model, fix.plan) <= capacity;
}

/// Whole layers again, everything sharded, and tensor ranks doubled until it fits.
std::optional<MemoryFix> last_resort(const Architecture& model, MemoryFix fix, Bytes capacity) {
  for (const Change change : {recompute_layers, shard_states, shard_more, shard_more}) {
    if (auto changed = change(model, fix)) {
      fix = std::move(*changed);
      if (fits(model, fix, capacity)) {
        return fix;
      }
    }
  }
  while (auto changed = double_tensor(model, fix)) {
    fix = std::move(*changed);
    if (fits(model, fix, capacity)) {
      return fix;
    }
  }
  return std::nullopt;
}

}  // namespace

Bytes peak_of_plan(const Architecture& model, const TrainingPlan& plan) {
  const Schedule schedule = make_schedule(plan.schedule, size_of(plan));
  Bytes most;
  for (const MemoryUse& use :
       peak_memory(model, plan, schedule, make_stages(model, plan, schedule.stages))) {
    most = std::max(most, use.total());
  }
  return most;
}

std::optional<MemoryFix> cheapest_fix(const Architecture& model,
                                      const TrainingPlan& plan,
                                      Bytes capacity) {
  const MemoryFix unchanged{.plan = plan, .settings = {}};
  for (const Change change : kChanges) {
    auto fix = change(model, unchanged);
    if (fix && fits(model, *fix, capacity)) {
      return fix;
    }
  }
  for (const Change first : kChanges) {
    const auto once = first(model, unchanged);
    for (const Change next : kChanges) {
      auto fix = once && first != next ? next(model, *once) : std::nullopt;
      if (fix && fits(model, *fix, capacity)) {
        return fix;
      }
    }
  }
  return last_resort(model, unchanged, capacity);
}

}  // namespace towtank
