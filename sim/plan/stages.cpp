#include "sim/plan/stages.hpp"

#include <cstddef>
#include <limits>
#include <map>
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

Unit layer_unit(const Architecture& model, std::int64_t layer) {
  return {.kind = has_experts(model, layer) ? UnitKind::kMoeLayer : UnitKind::kDenseLayer,
          .window = window_of_layer(model, layer)};
}

/// Forward work of units, for the tokens of one sequence.
class UnitCosts {
 public:
  UnitCosts(const Architecture& model, const TrainingPlan& plan)
      : model_(model),
        recipe_(plan.recipe),
        shard_{.tokens = plan.sequence,
               .context = plan.sequence,
               .local_experts = model.moe.experts,
               .expert_rows = plan.sequence * model.moe.top_k} {}

  Flops layer(const Unit& unit) {
    const auto [entry, is_new] = layers_.try_emplace(unit);
    if (is_new) {
      entry->second = layer_flops(unit);
    }
    return entry->second;
  }

  /// What the last stage holds besides layers.
  Flops last() {
    const Flops head = forward_flops(head_ops(model_, shard_, recipe_, kPass));
    const Flops join = forward_flops(mtp_join_ops(model_, shard_, recipe_, kPass));
    const double modules = static_cast<double>(model_.mtp_modules);
    return (1.0 + modules) * head + modules * (join + layer({.kind = UnitKind::kMtpLayer}));
  }

 private:
  static constexpr LayerPass kPass = LayerPass::kForward;

  Flops layer_flops(const Unit& unit) const {
    const Flops attention =
        forward_flops(attention_ops(model_, shard_, recipe_, kPass, unit.window));
    if (!has_experts(unit.kind, model_)) {
      return attention + forward_flops(dense_mlp_ops(model_, shard_, recipe_, kPass));
    }
    return attention + forward_flops(router_ops(model_, shard_, recipe_, kPass)) +
           forward_flops(expert_ops(model_, shard_, recipe_, kPass));
  }

  const Architecture& model_;
  Recipe recipe_;
  TokenShard shard_;
  std::map<Unit, Flops> layers_;
};

/// Splits the layers so that the sum of the squared stage loads is least: exact, by dynamic
/// programming over (stage, layers placed so far). Every stage gets at least one layer.
std::vector<int> balanced_layers(const Architecture& model, const TrainingPlan& plan, int stages) {
  UnitCosts costs(model, plan);
  const auto layers = static_cast<std::size_t>(model.layers);
  const auto parts = static_cast<std::size_t>(stages);
  check(layers >= parts, "every stage has at least one layer");
  const Flops last_layer = costs.layer(layer_unit(model, model.layers - 1));
  std::vector<double> before(layers + 1);  // FLOP of the first layers, in last layers
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const Unit unit = layer_unit(model, static_cast<std::int64_t>(layer));
    before[layer + 1] = before[layer] + costs.layer(unit) / last_layer;
  }
  const double after_layers = costs.last() / last_layer;
  constexpr double kImpossible = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> least(parts + 1, std::vector<double>(layers + 1, kImpossible));
  std::vector<std::vector<std::size_t>> start(parts + 1, std::vector<std::size_t>(layers + 1));
  least[0][0] = 0.0;
  for (std::size_t part = 1; part <= parts; ++part) {
    const double extra = part == parts ? after_layers : 0.0;
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

bool has_experts(UnitKind unit, const Architecture& model) {
  return model.moe.experts > 0 && (unit == UnitKind::kMoeLayer || unit == UnitKind::kMtpLayer);
}

std::vector<Stage> make_stages(const Architecture& model, const TrainingPlan& plan, int stages) {
  const std::vector<int> layers =
      plan.stage_layers.empty() ? balanced_layers(model, plan, stages) : plan.stage_layers;
  check(layers.size() == static_cast<std::size_t>(stages), "every stage has its number of layers");
  std::vector<Stage> result;
  int next = 0;
  for (const int count : layers) {
    Stage stage{.first_layer = next, .layers = count, .units = {}};
    if (result.empty()) {
      stage.units.push_back({.kind = UnitKind::kEmbedding});
    }
    for (; next < stage.first_layer + count; ++next) {
      stage.units.push_back(layer_unit(model, next));
    }
    result.push_back(std::move(stage));
  }
  check(next == model.layers, "the stages hold all layers");
  Stage& last = result.back();
  last.units.push_back({.kind = UnitKind::kHead});
  for (std::int64_t module = 0; module < model.mtp_modules; ++module) {
    last.units.push_back({.kind = UnitKind::kMtpLayer});
    last.units.push_back({.kind = UnitKind::kHead});
  }
  return result;
}

}  // namespace towtank
