// The router and the routed and shared experts.
//
// Tensor ranks share the shared experts as they share dense MLPs; the router is on all of them,
// each for its own tokens. Expert-tensor ranks gather the rows that arrived at each of them.
#include "sim/model/layer_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {
namespace {

/// Linear layers of routed and shared experts on one rank, and columns between them.
struct ExpertParts {
  std::int64_t routed;
  std::int64_t shared;
  Linear routed_up;
  Linear routed_down;
  Linear shared_up;
  Linear shared_down;
};

ExpertParts parts(const Architecture& model, const TokenShard& shard) {
  const std::int64_t hidden = model.hidden;
  const std::int64_t ups = mlp_form(model).ups;
  const std::int64_t routed = per_rank(model.moe.intermediate, shard.expert_tensor);
  const std::int64_t shared = per_rank(model.moe.width_of_shared(), shard.tensor);
  return {.routed = routed,
          .shared = shared,
          .routed_up = {.in = hidden, .out = ups * routed, .input = Source::kDispatch},
          .routed_down = {.in = routed,
                          .out = hidden,
                          .input = Source::kActivation,
                          .gradient = Source::kDispatch},
          .shared_up = {.in = hidden,
                        .out = ups * shared,
                        .split = Split::kColumns,
                        .input = Source::kDispatch},
          .shared_down = {.in = shared,
                          .out = hidden,
                          .split = Split::kRows,
                          .input = Source::kActivation,
                          .gradient = Source::kDispatch}};
}

/// Writes one pass of the experts; functions of a pass each share its members.
class ExpertWriter {
 public:
  ExpertWriter(const Architecture& model, const TokenShard& shard, const Recipe& recipe)
      : hidden_(model.hidden),
        form_(mlp_form(model)),
        part_(parts(model, shard)),
        shard_(shard),
        again_(recomputed_in_mlp(recipe.recompute)),
        writer_(shard, recipe) {}

  std::vector<Op> forward() {
    writer_.forward(part_.shared_up);
    writer_.gather_rows(hidden_);
    writer_.sweep_to_gemm(OpKind::kPermute, shard_.expert_rows, hidden_);
    writer_.expert_forward(part_.routed_up);
    writer_.sweep_to_gemm(form_.activation, shard_.expert_rows, part_.routed);
    writer_.expert_forward(part_.routed_down);
    writer_.sweep(OpKind::kUnpermute, shard_.expert_rows, hidden_);
    writer_.scatter_rows(hidden_);
    writer_.sweep_to_gemm(form_.activation, shard_.tokens, part_.shared);
    writer_.forward(part_.shared_down);
    // The activations' inputs, kept for the backward pass.
    writer_.quantize(shard_.expert_rows, part_.routed_up.out);
    writer_.quantize(shard_.tokens, part_.shared_up.out);
    return writer_.take();
  }

  std::vector<Op> input_gradient() {
    if (again_.shared_experts) {
      recompute_shared();
    } else {
      writer_.quantize(shard_.tokens, part_.shared_up.out);  // kept; cast back
    }
    writer_.input_gradient(part_.shared_down);
    writer_.sweep(form_.activation_backward, shard_.tokens, part_.shared);
    writer_.quantize(shard_.expert_rows, part_.routed_up.out);  // kept; cast back
    writer_.gather_rows(hidden_);
    writer_.sweep_to_gemm(OpKind::kPermute, shard_.expert_rows, hidden_);
    writer_.expert_input_gradient(part_.routed_down);
    writer_.sweep(form_.activation_backward, shard_.expert_rows, part_.routed);
    if (again_.norms) {
      recompute_norm();
    }
    writer_.expert_input_gradient(part_.routed_up);
    writer_.sweep(OpKind::kUnpermute, shard_.expert_rows, hidden_);
    writer_.scatter_rows(hidden_);
    writer_.input_gradient(part_.shared_up);
    return writer_.take();
  }

  std::vector<Op> weight_gradient() {
    // The routed experts' backward kernel computes theirs again on the way.
    if (again_.swiglu && !again_.shared_experts) {
      writer_.activation_again(form_.activation, shard_.tokens, part_.shared);
    }
    writer_.weight_gradient(part_.shared_down);
    writer_.expert_weight_gradient(part_.routed_down);
    writer_.expert_weight_gradient(part_.routed_up);
    writer_.weight_gradient(part_.shared_up);
    return writer_.take();
  }

 private:
  /// The shared experts' whole forward pass, their result included, as checkpointing a module does.
  void recompute_shared() {
    writer_.forward(part_.shared_up);
    writer_.sweep_to_gemm(form_.activation, shard_.tokens, part_.shared);
    writer_.forward(part_.shared_down);
  }

  void recompute_norm() {
    writer_.sweep(OpKind::kNorm, shard_.own_tokens(), hidden_);
    if (part_.shared > 0) {  // which read it, quantised
      writer_.quantize(shard_.own_tokens(), hidden_);
      writer_.cast_again(shard_.own_tokens(), hidden_);
    }
  }

  std::int64_t hidden_;
  MlpForm form_;
  ExpertParts part_;
  TokenShard shard_;
  Recompute again_;
  OpWriter writer_;
};

}  // namespace

std::vector<Op> router_ops(const Architecture& model,
                           const TokenShard& shard,
                           const Recipe& recipe,
                           LayerPass pass) {
  const std::int64_t experts = model.moe.experts;
  const std::int64_t tokens = shard.own_tokens();
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, tokens, model.hidden);
      writer.precise_gemm(Precision::kFp32, tokens, model.hidden, experts);
      writer.sweep(OpKind::kRoute, tokens, experts);
      writer.quantize(tokens, model.hidden);
      break;
    case LayerPass::kInputGradient:
      writer.sweep(OpKind::kRouteBackward, tokens, experts);
      writer.precise_gemm(Precision::kFp32, tokens, experts, model.hidden);
      // The router's weight gradient is too small to be worth delaying.
      writer.precise_weight_gradient(Precision::kFp32, tokens, model.hidden, experts);
      writer.sweep(OpKind::kAdd, tokens, model.hidden);
      writer.sweep(OpKind::kNormBackward, tokens, model.hidden);
      writer.sweep(OpKind::kAdd, tokens, model.hidden);
      break;
    case LayerPass::kWeightGradient:
      break;
  }
  return writer.take();
}

std::vector<Op> expert_ops(const Architecture& model,
                           const TokenShard& shard,
                           const Recipe& recipe,
                           LayerPass pass) {
  ExpertWriter writer(model, shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      return writer.forward();
    case LayerPass::kInputGradient:
      return writer.input_gradient();
    case LayerPass::kWeightGradient:
      return writer.weight_gradient();
  }
  return {};
}

}  // namespace towtank
