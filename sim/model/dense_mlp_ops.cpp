// A dense layer's MLP.
#include "sim/model/layer_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {

std::vector<Op> dense_mlp_ops(const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe,
                              LayerPass pass) {
  const std::int64_t hidden = model.hidden;
  const std::int64_t inner = model.dense_intermediate;
  const MlpForm form = mlp_form(model);
  const std::int64_t up = form.ups * inner;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      writer.linear(hidden, up);
      writer.sweep_to_gemm(form.activation, shard.tokens, inner);
      writer.gemm(inner, hidden);
      writer.sweep(OpKind::kAdd, shard.tokens, hidden);
      writer.quantize(shard.tokens, up);  // the activation's input, kept for the backward pass
      break;
    case LayerPass::kInputGradient:
      writer.input_gradient(hidden, inner);
      writer.quantize(shard.tokens, up);  // the activation's kept input, cast back
      writer.sweep(form.activation_backward, shard.tokens, inner);
      if (recipe.recompute.norms) {
        writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      }
      writer.input_gradient(up, hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, hidden);
      writer.sweep(OpKind::kAdd, shard.tokens, hidden);
      break;
    case LayerPass::kWeightGradient:
      if (recipe.recompute.swiglu) {
        writer.sweep_to_gemm(form.activation, shard.tokens, inner);
      }
      writer.weight_gradient(inner, hidden);
      writer.weight_gradient(hidden, up);
      break;
  }
  return writer.take();
}

}  // namespace towtank
