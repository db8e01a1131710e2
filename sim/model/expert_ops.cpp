// The router and the routed and shared experts.
#include "sim/model/layer_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {

std::vector<Op> router_ops(const Architecture& model,
                           const TokenShard& shard,
                           const Recipe& recipe,
                           LayerPass pass) {
  const std::int64_t experts = model.moe.experts;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, shard.tokens, model.hidden);
      writer.precise_gemm(Precision::kFp32, model.hidden, experts);
      writer.sweep(OpKind::kRoute, shard.tokens, experts);
      writer.quantize(shard.tokens, model.hidden);
      break;
    case LayerPass::kInputGradient:
      writer.sweep(OpKind::kRouteBackward, shard.tokens, experts);
      writer.precise_gemm(Precision::kFp32, experts, model.hidden);
      // The router's weight gradient is too small to be worth delaying.
      writer.precise_weight_gradient(Precision::kFp32, model.hidden, experts);
      writer.sweep(OpKind::kAdd, shard.tokens, model.hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, model.hidden);
      writer.sweep(OpKind::kAdd, shard.tokens, model.hidden);
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
  const std::int64_t hidden = model.hidden;
  const std::int64_t routed = model.moe.intermediate;
  const std::int64_t shared = model.moe.width_of_shared();
  const MlpForm form = mlp_form(model);
  const std::int64_t routed_up = form.ups * routed;
  const std::int64_t shared_up = form.ups * shared;
  const std::int64_t tokens = shard.tokens;
  const std::int64_t rows = shard.expert_rows;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.gemm(hidden, shared_up);
      writer.sweep_to_gemm(OpKind::kPermute, rows, hidden);
      writer.transpose_weights(shard.local_experts * hidden, routed_up);  // for the backward pass
      writer.expert_gemm(hidden, routed_up);
      writer.sweep_to_gemm(form.activation, rows, routed);
      writer.transpose_weights(shard.local_experts * routed, hidden);
      writer.expert_gemm(routed, hidden);
      writer.sweep(OpKind::kUnpermute, rows, hidden);
      writer.sweep_to_gemm(form.activation, tokens, shared);
      writer.gemm(shared, hidden);
      writer.quantize(rows, routed_up);  // the activation's inputs, kept for the backward pass
      writer.quantize(tokens, shared_up);
      break;
    case LayerPass::kInputGradient:
      writer.quantize(tokens, shared_up);  // the activation's kept inputs, cast back
      writer.transpose_weights(shared, hidden);
      writer.gemm(hidden, shared);
      writer.sweep(form.activation_backward, tokens, shared);
      writer.quantize(rows, routed_up);
      writer.sweep_to_gemm(OpKind::kPermute, rows, hidden);
      writer.expert_gemm(hidden, routed);
      writer.sweep(form.activation_backward, rows, routed);
      if (recipe.recompute.norms) {
        writer.sweep(OpKind::kNorm, tokens, hidden);
        writer.quantize(shared > 0 ? tokens : 0, hidden);  // what the shared experts read
      }
      writer.quantize(rows, routed_up);
      writer.expert_gemm(routed_up, hidden);
      writer.sweep(OpKind::kUnpermute, rows, hidden);
      writer.input_gradient(shared_up, hidden);
      break;
    case LayerPass::kWeightGradient:
      if (recipe.recompute.swiglu) {  // the routed experts' backward kernel does it on the way
        writer.sweep_to_gemm(form.activation, tokens, shared);
      }
      writer.weight_gradient(shared, hidden);
      writer.expert_weight_gradient(routed, hidden);
      writer.expert_weight_gradient(hidden, routed_up);
      writer.quantize(shared > 0 ? tokens : 0, hidden);  // the kept FP8 input, cast back
      writer.weight_gradient(hidden, shared_up);
      break;
  }
  return writer.take();
}

}  // namespace towtank
