#include "sim/scenario/entries.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/base/quantity_text.hpp"
#include "sim/cluster/placement.hpp"
#include "sim/scenario/document.hpp"
#include "sim/scenario/expert_load_reader.hpp"
#include "sim/scenario/fabric_entries.hpp"
#include "sim/scenario/plan_reader.hpp"

namespace towtank {
namespace {

class Entries {
 public:
  explicit Entries(const TomlNode& document) : document_(document) {}

  template <class T>
  void add(const std::string& key, const T& value) {
    entries_.push_back(
        {.key = key, .value = fmt::format("{}", value), .place = place_in(document_, key)});
  }

  std::vector<ScenarioEntry> sorted() && {
    std::ranges::sort(entries_, {}, &ScenarioEntry::key);
    return std::move(entries_);
  }

 private:
  const TomlNode& document_;
  std::vector<ScenarioEntry> entries_;
};

void add_attention(const LatentAttention& attention, Entries& entries) {
  entries.add("model.attention.kind", "mla");
  entries.add("model.attention.heads", attention.heads);
  entries.add("model.attention.query_rank", attention.query_rank);
  entries.add("model.attention.key_value_rank", attention.key_value_rank);
  entries.add("model.attention.nope_head_dim", attention.nope_head_dim);
  entries.add("model.attention.rope_head_dim", attention.rope_head_dim);
  entries.add("model.attention.value_head_dim", attention.value_head_dim);
}

void add_attention(const GroupedAttention& attention, Entries& entries) {
  entries.add("model.attention.kind", "gqa");
  entries.add("model.attention.heads", attention.heads);
  entries.add("model.attention.kv_heads", attention.kv_heads);
  entries.add("model.attention.head_dim", attention.head_dim);
  if (attention.window > 0) {
    entries.add("model.attention.window", attention.window);
    entries.add("model.attention.full_every", attention.full_every);
  }
  entries.add("model.attention.rotary", attention.rotary);
  entries.add("model.attention.qkv_bias", attention.qkv_bias);
  entries.add("model.attention.output_bias", attention.output_bias);
  entries.add("model.attention.qk_norm", attention.qk_norm);
}

void add_moe(const ExpertLayer& moe, Entries& entries) {
  entries.add("model.moe.experts", moe.experts);
  entries.add("model.moe.top_k", moe.top_k);
  entries.add("model.moe.groups", moe.groups);
  entries.add("model.moe.groups_per_token", moe.groups_per_token);
  entries.add("model.moe.shared_experts", moe.shared_experts);
  entries.add("model.moe.intermediate", moe.intermediate);
  if (moe.shared_intermediate > 0) {
    entries.add("model.moe.shared_intermediate", moe.shared_intermediate);
  }
  entries.add("model.moe.every", moe.every);
  entries.add("model.moe.router_bias", moe.bias);
}

void add_model(const Architecture& model, Entries& entries) {
  entries.add("model.name", model.name);
  entries.add("model.layers", model.layers);
  entries.add("model.dense_layers", model.dense_layers);
  entries.add("model.hidden", model.hidden);
  entries.add("model.dense_intermediate", model.dense_intermediate);
  entries.add("model.vocabulary", model.vocabulary);
  entries.add("model.mtp_modules", model.mtp_modules);
  entries.add("model.mlp", model.gated_mlp ? "gated" : "plain");
  entries.add("model.mlp_bias", model.mlp_bias);
  entries.add("model.norm", model.layer_norm ? "layer" : "rms");
  entries.add("model.tied_embeddings", model.tied_embeddings);
  entries.add("model.learned_positions", model.learned_positions);
  std::visit([&entries](const auto& attention) { add_attention(attention, entries); },
             model.attention);
  if (model.moe.experts > 0) {
    add_moe(model.moe, entries);
  }
}

void add_link(const std::string& key, const GpuLink& link, Entries& entries) {
  entries.add(key + ".bandwidth", fmt::format("{:.10g} GB/s", link.bandwidth / (GB / second)));
  entries.add(key + ".latency", fmt::format("{:.10g} us", link.latency / microsecond));
}

void add_cluster(const Cluster& cluster, Entries& entries) {
  entries.add("cluster.name", cluster.name);
  entries.add("cluster.gpu", cluster.gpu);
  entries.add("cluster.nodes", cluster.nodes);
  entries.add("cluster.gpus_per_node", cluster.gpus_per_node);
  if (cluster.idle > 0) {
    entries.add("cluster.gpus", cluster.gpus());
  }
  add_link("cluster.nvlink", cluster.nvlink, entries);
  add_link("cluster.nic", cluster.nic, entries);
  for (const GpuFault& fault : cluster.faults) {
    const std::string key = fmt::format("cluster.fault.gpu {}", fault.gpu);
    entries.add(key + ".slowdown", fmt::format("{:.10g}", fault.slowdown));
    entries.add(key + ".nvlink", fmt::format("{:.10g}", fault.nvlink));
    entries.add(key + ".nic", fmt::format("{:.10g}", fault.nic));
  }
  if (cluster.fabric) {
    for (const auto& [key, value] : fabric_entries(*cluster.fabric)) {
      entries.add("cluster.fabric." + key, value);
    }
  }
}

std::string text_of(const Recompute& recompute) {
  const std::vector<std::string> words = recompute_words(recompute);
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

/// What is forced of them.
void add_collectives(const CollectivePlan& plan, Entries& entries) {
  for (const Collective kind :
       {Collective::kAllReduce, Collective::kAllGather, Collective::kReduceScatter}) {
    if (const std::optional<Algorithm> algorithm = forced(plan, kind)) {
      entries.add("plan.collectives." + collective_key(kind), name(*algorithm));
    }
  }
  if (plan.protocol) {
    entries.add("plan.collectives.protocol", name(*plan.protocol));
  }
  if (!plan.in_switch) {
    entries.add("plan.collectives.in_switch", "false");
  }
}

void add_overlap(const Overlap& overlap, Entries& entries) {
  entries.add("plan.overlap.tensor", overlap.tensor);
  entries.add("plan.overlap.gradients", overlap.gradients);
  entries.add("plan.overlap.parameters", overlap.parameters);
  entries.add("plan.overlap.experts", overlap.experts);
}

void add_stack(const SoftwareStack& stack, Entries& entries) {
  entries.add("stack.name", stack.name.empty() ? "none" : stack.name);
  entries.add("stack.compute_slowdown", stack.compute_slowdown);
  entries.add("stack.memory_slowdown", stack.memory_slowdown);
  entries.add("stack.attention_slowdown", stack.attention_slowdown);
  entries.add("stack.quantized_slowdown", stack.quantized_slowdown);
  entries.add("stack.launch", format_time(stack.launch));
  entries.add("stack.launches_each_expert", stack.launches_each_expert);
  entries.add("stack.step_overhead", format_time(stack.step_overhead));
}

void add_plan(const TrainingPlan& plan, Entries& entries) {
  entries.add("plan.pipeline", plan.pipeline);
  entries.add("plan.data", plan.data);
  entries.add("plan.tensor", plan.tensor);
  entries.add("plan.sequence_parallel", plan.sequence_parallel);
  entries.add("plan.expert", plan.expert);
  entries.add("plan.expert_tensor", plan.expert_tensor);
  entries.add("plan.context", plan.context);
  if (plan.context > 1) {
    entries.add("plan.context_exchange", context_word(plan.context_exchange));
  }
  entries.add("plan.schedule", name(plan.schedule));
  entries.add("plan.interleave", plan.interleave);
  entries.add("plan.stage_layers",
              plan.stage_layers.empty() ? "balanced"
                                        : fmt::format("{}", fmt::join(plan.stage_layers, ", ")));
  entries.add("plan.micro_batch", plan.micro_batch);
  entries.add("plan.zero", plan.zero_stage);
  if (plan.zero_stage > 0) {
    entries.add("plan.shard", plan.shard == 0 ? plan.data : plan.shard);
  }
  add_collectives(plan.collectives, entries);
  add_overlap(plan.overlap, entries);
  entries.add("plan.precision", precision_word(plan.recipe.gemm));
  entries.add("plan.moments", precision_word(plan.recipe.moments));
  entries.add("plan.gradients", precision_word(plan.recipe.gradients));
  entries.add("plan.loss", loss_word(plan.recipe.loss));
  entries.add("plan.fused_attention", plan.recipe.fused_attention);
  entries.add("plan.dropout", plan.recipe.dropout);
  entries.add("plan.recompute", text_of(plan.recipe.recompute));
  entries.add("plan.dispatch", dispatch_word(plan.forwards_in_node));
  entries.add("plan.blocking_pipeline", plan.blocking_pipeline);
  entries.add("plan.communication_sms", plan.communication_sms);
  add_stack(plan.stack, entries);
}

/// Where jobs are on the cluster, if not this one on all of it.
void add_places(const Scenario& scenario, Entries& entries) {
  if (scenario.cluster.placement) {
    entries.add("plan.nodes", nodes_text(scenario.nodes));
  }
  for (std::size_t i = 0; i < scenario.neighbours.size(); ++i) {
    const std::string key = fmt::format("neighbour.{}.", i);
    entries.add(key + "scenario", scenario.neighbours[i].name);
    entries.add(key + "nodes", nodes_text(scenario.neighbours[i].nodes));
  }
}

void add_experts(const ExpertPlan& experts, Entries& entries) {
  entries.add("experts.load", load_text(experts.load));
  entries.add("experts.placement", name(experts.placement));
  entries.add("experts.redundant", experts.redundant);
}

void add_training(const Scenario& scenario, Entries& entries) {
  entries.add("training.sequence", scenario.plan.sequence);
  entries.add("training.batch", scenario.plan.batch);
  entries.add("training.tokens", scenario.run.tokens);
  if (scenario.run.ramp) {
    entries.add("training.ramp.from", scenario.run.ramp->from);
    entries.add("training.ramp.tokens", scenario.run.ramp->tokens);
  }
  for (const ContextExtension& extension : scenario.extensions) {
    const std::string key = "training.extension." + extension.name;
    entries.add(key + ".sequence", extension.sequence);
    entries.add(key + ".batch", extension.batch);
    entries.add(key + ".steps", extension.steps);
    entries.add(key + ".context", extension.context);
  }
  for (const StatedPhase& phase : scenario.stated) {
    entries.add("training.stated." + phase.name + ".gpu_hours", phase.gpu_hours);
  }
}

}  // namespace

std::vector<ScenarioEntry> scenario_entries(const Scenario& scenario, const TomlNode& document) {
  Entries entries(document);
  add_model(scenario.model, entries);
  add_cluster(scenario.whole_cluster, entries);
  add_plan(scenario.plan, entries);
  add_places(scenario, entries);
  add_experts(scenario.plan.expert_plan, entries);
  add_training(scenario, entries);
  entries.add("prices.name", scenario.price.name);
  entries.add("prices.per_gpu",
              fmt::format("{:.10g} $/h", scenario.price.per_gpu / (dollar / hour)));
  entries.add("prices.source", scenario.price.source);
  entries.add("prices.date", scenario.price.date);
  for (const PublishedFigure& figure : scenario.published) {
    entries.add("published." + figure.metric, figure.value);
  }
  return std::move(entries).sorted();
}

Place place_of(const Scenario& scenario, std::string_view key) {
  const auto found = std::ranges::find(scenario.entries, key, &ScenarioEntry::key);
  return found == scenario.entries.end() ? Place{.file = scenario.path} : found->place;
}

}  // namespace towtank
