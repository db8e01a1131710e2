#include "sim/graph/unit_segments.hpp"

#include <string>
#include <utility>

namespace towtank {
namespace {

std::vector<Op> joined(std::vector<Op> first, const std::vector<Op>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// The operations of a unit's two parts in one pass, in the order in which that pass runs them.
struct Parts {
  std::vector<Op> attention;
  std::vector<Op> mlp;
};

Parts parts(const Unit& unit,
            const Architecture& model,
            const TokenShard& shard,
            const Recipe& recipe,
            LayerPass pass) {
  const bool forward = pass == LayerPass::kForward;
  if (unit.kind == UnitKind::kEmbedding) {
    return {.attention = {}, .mlp = embedding_ops(model, shard, pass)};
  }
  if (unit.kind == UnitKind::kHead) {
    return {.attention = {}, .mlp = head_ops(model, shard, recipe, pass)};
  }
  Parts result{.attention = attention_ops(model, shard, recipe, pass, unit.window), .mlp = {}};
  if (has_experts(unit.kind, model)) {
    const std::vector<Op> router = router_ops(model, shard, recipe, pass);
    result.attention =
        forward ? joined(result.attention, router) : joined(router, result.attention);
    result.mlp = expert_ops(model, shard, recipe, pass);
  } else {
    result.mlp = dense_mlp_ops(model, shard, recipe, pass);
  }
  if (unit.kind == UnitKind::kMtpLayer) {
    const std::vector<Op> join = mtp_join_ops(model, shard, recipe, pass);
    result.attention = forward ? joined(join, result.attention) : joined(result.attention, join);
  }
  return result;
}

std::string_view kind_name(UnitKind kind) {
  switch (kind) {
    case UnitKind::kEmbedding:
      return "embedding";
    case UnitKind::kDenseLayer:
      return "dense layer";
    case UnitKind::kMoeLayer:
      return "MoE layer";
    case UnitKind::kMtpLayer:
      return "MTP layer";
    case UnitKind::kHead:
      return "head";
  }
  return "";
}

std::string unit_name(const Unit& unit) {
  const std::string kind(kind_name(unit.kind));
  return unit.window > 0 ? kind + " with a window" : kind;
}

}  // namespace

UnitSegments add_unit_segments(const Unit& unit,
                               const Architecture& model,
                               const TokenShard& shard,
                               const Recipe& recipe,
                               bool shares_gpu,
                               std::vector<Segment>& segments) {
  const auto add = [&](std::string_view part, std::vector<Op> ops) {
    if (ops.empty()) {
      return -1;
    }
    segments.push_back({.name = unit_name(unit) + " " + std::string(part),
                        .ops = std::move(ops),
                        .shares_gpu = shares_gpu});
    return static_cast<int>(segments.size()) - 1;
  };
  Parts forward = parts(unit, model, shard, recipe, LayerPass::kForward);
  Parts input = parts(unit, model, shard, recipe, LayerPass::kInputGradient);
  Parts weight = parts(unit, model, shard, recipe, LayerPass::kWeightGradient);
  return {
      .attention_forward = add("attention forward", std::move(forward.attention)),
      .mlp_forward = add("MLP forward", std::move(forward.mlp)),
      .mlp_input_gradient = add("MLP input gradient", std::move(input.mlp)),
      .mlp_weight_gradient = add("MLP weight gradient", std::move(weight.mlp)),
      .attention_input_gradient = add("attention input gradient", std::move(input.attention)),
      .attention_weight_gradient = add("attention weight gradient", std::move(weight.attention))};
}

}  // namespace towtank
