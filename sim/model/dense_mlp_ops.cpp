// A dense layer's MLP.
#include "sim/model/layer_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {

std::vector<Op> dense_mlp_ops(const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe,
                              LayerPass pass) {
  const std::int64_t hidden = model.hidden;
  const std::int64_t inner = per_rank(model.dense_intermediate, shard.tensor);
  const MlpForm form = mlp_form(model);
  const Linear up{
      .in = hidden, .out = form.ups * inner, .split = Split::kColumns, .input = Source::kNorm};
  const Linear down{
      .in = inner, .out = hidden, .split = Split::kRows, .input = Source::kActivation};
  const Recompute again = recomputed_in_mlp(recipe.recompute);
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.norm_to_linear(hidden);
      writer.forward(up);
      writer.sweep_to_gemm(form.activation, shard.tokens, inner);
      writer.forward(down);
      writer.residual(hidden);
      writer.quantize(shard.tokens, up.out);  // the activation's input, kept for the backward pass
      break;
    case LayerPass::kInputGradient:
      writer.residual_gradient(hidden);
      writer.input_gradient(down);
      writer.quantize(shard.tokens, up.out);  // the activation's kept input, cast back
      writer.sweep(form.activation_backward, shard.tokens, inner);
      if (again.norms) {
        writer.norm_again(hidden);
      }
      writer.input_gradient(up);
      writer.sweep(OpKind::kNormBackward, shard.own_tokens(), hidden);
      writer.sweep(OpKind::kAdd, shard.own_tokens(), hidden);
      break;
    case LayerPass::kWeightGradient:
      if (again.swiglu) {
        writer.activation_again(form.activation, shard.tokens, inner);
      }
      writer.weight_gradient(down);
      writer.weight_gradient(up);
      break;
  }
  return writer.take();
}

}  // namespace towtank
