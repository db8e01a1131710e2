#include "sim/plan/stages.hpp"

#include <cstddef>
#include <limits>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/model/layer_ops.hpp"

namespace towtank {
namespace {

Flops forward_flops(const std::vector<Op>& ops) {
  Flops total;
  for (const Op& op : ops) {
    total += flops(op);
  }
  return total;
}

/// Forward work of each kind of unit, for `tokens` tokens of one sequence.
struct UnitCosts {
  Flops dense;
  Flops moe;
  Flops last;  // what the last stage holds besides layers
};

UnitCosts unit_costs(const Architecture& model, const TrainingPlan& plan) {
  const TokenShard shard{.tokens = plan.sequence,
                         .context = plan.sequence,
                         .local_experts = model.moe.experts,
                         .expert_rows = plan.sequence * model.moe.top_k};
  constexpr LayerPass kPass = LayerPass::kForward;
  const Flops attention = forward_flops(attention_ops(model, shard, plan.recipe, kPass));
  const Flops head = forward_flops(head_ops(model, shard, plan.recipe, kPass));
  const Flops join = forward_flops(mtp_join_ops(model, shard, plan.recipe, kPass));
  UnitCosts costs;
  costs.dense = attention + forward_flops(dense_mlp_ops(model, shard, plan.recipe, kPass));
  costs.moe = attention + forward_flops(router_ops(model, shard, plan.recipe, kPass)) +
              forward_flops(expert_ops(model, shard, plan.recipe, kPass));
  const double modules = static_cast<double>(model.mtp_modules);
  costs.last = (1.0 + modules) * head + modules * (join + costs.moe);
  return costs;
}

/// Splits the layers so that the sum of the squared stage loads is least: exact, by dynamic
/// programming over (stage, layers placed so far). Every stage gets at least one layer.
std::vector<int> balanced_layers(const Architecture& model, const TrainingPlan& plan, int stages) {
  const UnitCosts costs = unit_costs(model, plan);
  const auto layers = static_cast<std::size_t>(model.layers);
  const auto parts = static_cast<std::size_t>(stages);
  check(layers >= parts, "every stage has at least one layer");
  std::vector<double> before(layers + 1);  // FLOP of the first layers
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const bool dense = static_cast<std::int64_t>(layer) < model.dense_layers;
    before[layer + 1] = before[layer] + (dense ? costs.dense : costs.moe) / costs.moe;
  }
  constexpr double kImpossible = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> least(parts + 1, std::vector<double>(layers + 1, kImpossible));
  std::vector<std::vector<std::size_t>> start(parts + 1, std::vector<std::size_t>(layers + 1));
  least[0][0] = 0.0;
  for (std::size_t part = 1; part <= parts; ++part) {
    const double extra = part == parts ? costs.last / costs.moe : 0.0;
    for (std::size_t end = part; end <= layers; ++end) {
      for (std::size_t first = part - 1; first < end; ++first) {
        const double load = before[end] - before[first] + extra;
        const double total = least[part - 1][first] + load * load;
        if (total < least[part][end]) {
          least[part][end] = total;
          start[part][end] = first;
        }
      }
    }
  }
  std::vector<int> counts(parts);
  std::size_t end = layers;
  for (std::size_t part = parts; part > 0; --part) {
    counts[part - 1] = static_cast<int>(end - start[part][end]);
    end = start[part][end];
  }
  return counts;
}

}  // namespace

std::vector<Stage> make_stages(const Architecture& model, const TrainingPlan& plan, int stages) {
  const std::vector<int> layers =
      plan.stage_layers.empty() ? balanced_layers(model, plan, stages) : plan.stage_layers;
  check(layers.size() == static_cast<std::size_t>(stages), "every stage has its number of layers");
  std::vector<Stage> result;
  int next = 0;
  for (const int count : layers) {
    Stage stage{.first_layer = next, .layers = count, .units = {}};
    if (result.empty()) {
      stage.units.push_back(UnitKind::kEmbedding);
    }
    for (; next < stage.first_layer + count; ++next) {
      stage.units.push_back(next < model.dense_layers ? UnitKind::kDenseLayer
                                                      : UnitKind::kMoeLayer);
    }
    result.push_back(std::move(stage));
  }
  check(next == model.layers, "the stages hold all layers");
  Stage& last = result.back();
  last.units.push_back(UnitKind::kHead);
  for (std::int64_t module = 0; module < model.mtp_modules; ++module) {
    last.units.push_back(UnitKind::kMtpLayer);
    last.units.push_back(UnitKind::kHead);
  }
  return result;
}

}  // namespace towtank
