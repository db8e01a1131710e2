#include "sim/graph/unit_segments.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "sim/base/error.hpp"

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

Collective collective_kind(OpKind kind) {
  switch (kind) {
    case OpKind::kAllGather:
      return Collective::kAllGather;
    case OpKind::kReduceScatter:
      return Collective::kReduceScatter;
    default:
      check(kind == OpKind::kAllReduce, "layers gather, scatter or reduce");
      return Collective::kAllReduce;
  }
}

LayerCollective layer_collective(const Op& op) {
  const auto& shape = std::get<CollectiveShape>(op.shape);
  return {.kind = collective_kind(op.kind),
          .bytes = static_cast<double>(shape.bytes) * byte,
          .scope = shape.scope};
}

bool is_gemm(const Op& op) {
  return op.kind == OpKind::kGemm || op.kind == OpKind::kGroupedGemm;
}

/// Cuts a list of operations into pieces.
class PartMaker {
 public:
  PartMaker(std::string name, const UnitCut& cut, std::vector<Segment>& segments)
      : name_(std::move(name)), cut_(cut), segments_(segments) {}

  Part make(std::span<const Op> ops) {
    auto next = ops.begin();
    while (next != ops.end()) {
      if (is_layer_collective(*next)) {
        part_.push_back({.collective = layer_collective(*next),
                         .beside = scatters_beside_ ? Beside::kPrevious : Beside::kNothing});
        scatters_beside_ = false;
        ++next;
        continue;
      }
      const auto end = std::find_if(next, ops.end(), is_layer_collective);
      add_kernels({next, end}, end != ops.end() && end->kind == OpKind::kReduceScatter);
      next = end;
    }
    return std::move(part_);
  }

 private:
  /// Kernels between two collectives. Where these overlap, the first GEMM runs beside the gather
  /// before it and the last one beside the scatter after it; one GEMM alone is beside the gather.
  void add_kernels(std::span<const Op> ops, bool before_scatter) {
    const auto gemms = std::ranges::count_if(ops, is_gemm);
    const bool after = cut_.overlaps_columns && gemms > 0 && !part_.empty() &&
                       part_.back().collective.kind == Collective::kAllGather;
    if (after) {
      part_.back().beside = Beside::kNext;
      const auto first = std::ranges::find_if(ops, is_gemm) + 1;
      add_segment({ops.begin(), first});
      ops = {first, ops.end()};
    }
    if (cut_.overlaps_columns && before_scatter && gemms > (after ? 1 : 0)) {
      const auto behind = std::find_if(ops.rbegin(), ops.rend(), is_gemm).base();
      add_segment({ops.begin(), behind - 1});
      add_segment({behind - 1, ops.end()});
      scatters_beside_ = true;
      return;
    }
    add_segment(ops);
  }

  void add_segment(std::span<const Op> ops) {
    if (ops.empty()) {
      return;
    }
    part_.push_back({.segment = static_cast<int>(segments_.size())});
    segments_.push_back(
        {.name = name_, .ops = {ops.begin(), ops.end()}, .shares_gpu = cut_.shares_gpu});
  }

  std::string name_;
  const UnitCut& cut_;
  std::vector<Segment>& segments_;
  Part part_;
  bool scatters_beside_ = false;
};

}  // namespace

UnitParts add_unit_parts(const Unit& unit,
                         const Architecture& model,
                         const TokenShard& shard,
                         const Recipe& recipe,
                         const UnitCut& cut,
                         std::vector<Segment>& segments) {
  const auto add = [&](std::string_view part, const std::vector<Op>& ops) {
    return PartMaker(unit_name(unit) + " " + std::string(part), cut, segments).make(ops);
  };
  const Parts forward = parts(unit, model, shard, recipe, LayerPass::kForward);
  const Parts input = parts(unit, model, shard, recipe, LayerPass::kInputGradient);
  const Parts weight = parts(unit, model, shard, recipe, LayerPass::kWeightGradient);
  return {.attention_forward = add("attention forward", forward.attention),
          .mlp_forward = add("MLP forward", forward.mlp),
          .mlp_input_gradient = add("MLP input gradient", input.mlp),
          .mlp_weight_gradient = add("MLP weight gradient", weight.mlp),
          .attention_input_gradient = add("attention input gradient", input.attention),
          .attention_weight_gradient = add("attention weight gradient", weight.attention)};
}

std::vector<LayerCollective> collectives_of(const Unit& unit,
                                            const Architecture& model,
                                            const TokenShard& shard,
                                            const Recipe& recipe) {
  std::vector<LayerCollective> result;
  for (const LayerPass pass :
       {LayerPass::kForward, LayerPass::kInputGradient, LayerPass::kWeightGradient}) {
    const Parts both = parts(unit, model, shard, recipe, pass);
    for (const auto* ops : {&both.attention, &both.mlp}) {
      for (const Op& op : *ops) {
        if (is_layer_collective(op)) {
          result.push_back(layer_collective(op));
        }
      }
    }
  }
  return result;
}

}  // namespace towtank
