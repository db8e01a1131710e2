#include "sim/model/layer_ops.hpp"

#include <utility>
#include <variant>

namespace towtank {
namespace {

bool is_empty(const Op& op) {
  if (const auto* gemm = std::get_if<GemmShape>(&op.shape)) {
    return gemm->m == 0 || gemm->n == 0 || gemm->k == 0;
  }
  const auto* sweep = std::get_if<SweepShape>(&op.shape);
  return sweep != nullptr && (sweep->rows == 0 || sweep->columns == 0);
}

/// Writes a block's operations down in order; knows what the recipe adds around each linear layer.
class OpWriter {
 public:
  OpWriter(const TokenShard& shard, const Recipe& recipe) : shard_(shard), recipe_(recipe) {}

  /// The operations written, without those of blocks the model does not have (no shared experts).
  std::vector<Op> take() {
    std::erase_if(ops_, [](const Op& op) { return is_empty(op); });
    return std::move(ops_);
  }

  void sweep(OpKind kind, std::int64_t rows, std::int64_t columns) {
    ops_.push_back(
        {.kind = kind, .precision = Precision::kBf16, .shape = SweepShape{rows, columns}});
  }

  /// A sweep whose result goes straight to an FP8 GEMM where the recipe has one.
  void sweep_to_gemm(OpKind kind, std::int64_t rows, std::int64_t columns) {
    ops_.push_back({.kind = kind, .precision = recipe_.gemm, .shape = SweepShape{rows, columns}});
  }

  void quantize(std::int64_t rows, std::int64_t columns) {
    if (is_fp8()) {
      sweep_to_gemm(OpKind::kQuantize, rows, columns);
    }
  }

  /// y (tokens, out) = x (tokens, in) W, quantising x first.
  void linear(std::int64_t in, std::int64_t out) {
    quantize(shard_.tokens, in);
    gemm(in, out);
  }

  /// dx (tokens, in) = dy (tokens, out) W^T: quantises dy and transposes the FP8 weights first.
  void input_gradient(std::int64_t out, std::int64_t in) {
    quantize(shard_.tokens, out);
    transpose_weights(in, out);
    gemm(out, in);
  }

  /// FP8 tensor cores read both operands along the reduction, so backward needs its own copy.
  void transpose_weights(std::int64_t in, std::int64_t out) {
    if (is_fp8()) {
      sweep_to_gemm(OpKind::kTranspose, in, out);
    }
  }

  /// y = x W with x quantised by the operation before.
  void gemm(std::int64_t in, std::int64_t out) {
    ops_.push_back({.kind = OpKind::kGemm,
                    .precision = recipe_.gemm,
                    .shape = GemmShape{.m = shard_.tokens, .n = out, .k = in}});
  }

  /// dW (in, out) += x^T dy, with both operands quantised along the tokens; nothing for a layer
  /// without weights.
  void weight_gradient(std::int64_t in, std::int64_t out) {
    if (in == 0 || out == 0) {
      return;
    }
    transposed_casts(shard_.tokens, in, out);
    ops_.push_back({.kind = OpKind::kWeightGemm,
                    .precision = recipe_.gemm,
                    .shape = GemmShape{.m = in, .n = out, .k = shard_.tokens}});
  }

  void expert_gemm(std::int64_t in, std::int64_t out) {
    ops_.push_back(
        {.kind = OpKind::kGroupedGemm,
         .precision = recipe_.gemm,
         .shape = GemmShape{
             .m = shard_.expert_rows, .n = out, .k = in, .groups = shard_.local_experts}});
  }

  void expert_weight_gradient(std::int64_t in, std::int64_t out) {
    transposed_casts(shard_.expert_rows, in, out);
    ops_.push_back(
        {.kind = OpKind::kWeightGemm,
         .precision = recipe_.gemm,
         .shape = GemmShape{
             .m = in, .n = out, .k = shard_.expert_rows, .groups = shard_.local_experts}});
  }

  void precise_gemm(Precision precision, std::int64_t in, std::int64_t out) {
    ops_.push_back({.kind = OpKind::kGemm,
                    .precision = precision,
                    .shape = GemmShape{.m = shard_.tokens, .n = out, .k = in}});
  }

  void precise_weight_gradient(Precision precision, std::int64_t in, std::int64_t out) {
    ops_.push_back({.kind = OpKind::kWeightGemm,
                    .precision = precision,
                    .shape = GemmShape{.m = in, .n = out, .k = shard_.tokens}});
  }

  void attention(OpKind kind, const LatentAttention& mla) {
    const std::int64_t query = shard_.tokens / shard_.sequences;
    ops_.push_back({.kind = kind,
                    .precision = Precision::kBf16,
                    .shape = AttentionShape{.batch = shard_.sequences,
                                            .heads = mla.heads,
                                            .query = query,
                                            .context = shard_.context,
                                            .qk_dim = mla.nope_head_dim + mla.rope_head_dim,
                                            .v_dim = mla.value_head_dim,
                                            .causal = true,
                                            .spread = query < shard_.context}});
  }

 private:
  bool is_fp8() const { return recipe_.gemm == Precision::kFp8Block; }

  void transposed_casts(std::int64_t rows, std::int64_t in, std::int64_t out) {
    if (is_fp8()) {
      sweep_to_gemm(OpKind::kTransposeQuantize, rows, in);
      sweep_to_gemm(OpKind::kTransposeQuantize, rows, out);
    }
  }

  TokenShard shard_;
  Recipe recipe_;
  std::vector<Op> ops_;
};

/// Widths of latent attention that several passes need.
struct MlaWidths {
  std::int64_t latent;     // compressed key/value and the shared rotary key
  std::int64_t query;      // all heads' queries
  std::int64_t key_value;  // all heads' rotary-free keys and values
  std::int64_t value;      // all heads' values: input of the output projection
};

MlaWidths widths(const LatentAttention& mla) {
  return {.latent = mla.key_value_rank + mla.rope_head_dim,
          .query = mla.heads * (mla.nope_head_dim + mla.rope_head_dim),
          .key_value = mla.heads * (mla.nope_head_dim + mla.value_head_dim),
          .value = mla.heads * mla.value_head_dim};
}

/// Latents to heads: the part of the forward pass that is recomputed in the backward pass.
void write_up_projections(OpWriter& writer, const LatentAttention& mla, std::int64_t tokens) {
  const MlaWidths width = widths(mla);
  writer.linear(mla.query_rank, width.query);
  writer.linear(mla.key_value_rank, width.key_value);
  writer.sweep(OpKind::kRope, tokens, width.query);
}

void write_latent_norms(OpWriter& writer,
                        OpKind kind,
                        const LatentAttention& mla,
                        std::int64_t tokens) {
  writer.sweep(kind, tokens, mla.query_rank);
  writer.sweep(kind, tokens, mla.key_value_rank);
}

}  // namespace

std::vector<Op> attention_ops(const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe,
                              LayerPass pass) {
  const LatentAttention& mla = model.attention;
  const MlaWidths width = widths(mla);
  const std::int64_t tokens = shard.tokens;
  const std::int64_t hidden = model.hidden;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, tokens, hidden);
      writer.linear(hidden, mla.query_rank);
      writer.linear(hidden, width.latent);
      write_latent_norms(writer, OpKind::kNorm, mla, tokens);
      write_up_projections(writer, mla, tokens);
      writer.attention(OpKind::kAttentionForward, mla);
      writer.quantize(tokens, width.value);  // kept for the backward pass
      writer.linear(width.value, hidden);
      writer.sweep(OpKind::kAdd, tokens, hidden);
      break;
    case LayerPass::kInputGradient:
      writer.quantize(tokens, width.value);  // the kept attention output, cast back
      writer.input_gradient(hidden, width.value);
      if (recipe.recompute.norms) {
        write_latent_norms(writer, OpKind::kNorm, mla, tokens);
      }
      if (recipe.recompute.up_projections) {
        write_up_projections(writer, mla, tokens);
      }
      writer.attention(OpKind::kAttentionBackward, mla);
      writer.sweep(OpKind::kRopeBackward, tokens, width.query);
      writer.input_gradient(width.query, mla.query_rank);
      writer.input_gradient(width.key_value, mla.key_value_rank);
      write_latent_norms(writer, OpKind::kNormBackward, mla, tokens);
      if (recipe.recompute.norms) {
        writer.sweep(OpKind::kNorm, tokens, hidden);
      }
      writer.input_gradient(width.latent, hidden);
      writer.input_gradient(mla.query_rank, hidden);
      writer.sweep(OpKind::kAdd, tokens, hidden);
      writer.sweep(OpKind::kNormBackward, tokens, hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.weight_gradient(width.value, hidden);
      writer.weight_gradient(mla.key_value_rank, width.key_value);
      writer.weight_gradient(mla.query_rank, width.query);
      writer.weight_gradient(hidden, width.latent);
      writer.weight_gradient(hidden, mla.query_rank);
      break;
  }
  return writer.take();
}

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
  const std::int64_t shared = model.moe.intermediate * model.moe.shared_experts;
  const std::int64_t tokens = shard.tokens;
  const std::int64_t rows = shard.expert_rows;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.gemm(hidden, 2 * shared);
      writer.sweep_to_gemm(OpKind::kPermute, rows, hidden);
      writer.transpose_weights(shard.local_experts * hidden, 2 * routed);  // for the backward pass
      writer.expert_gemm(hidden, 2 * routed);
      writer.sweep_to_gemm(OpKind::kSwiGlu, rows, routed);
      writer.transpose_weights(shard.local_experts * routed, hidden);
      writer.expert_gemm(routed, hidden);
      writer.sweep(OpKind::kUnpermute, rows, hidden);
      writer.sweep_to_gemm(OpKind::kSwiGlu, tokens, shared);
      writer.gemm(shared, hidden);
      writer.quantize(rows, 2 * routed);  // SwiGLU's inputs, kept for the backward pass
      writer.quantize(tokens, 2 * shared);
      break;
    case LayerPass::kInputGradient:
      writer.quantize(tokens, 2 * shared);  // SwiGLU's kept inputs, cast back
      writer.transpose_weights(shared, hidden);
      writer.gemm(hidden, shared);
      writer.sweep(OpKind::kSwiGluBackward, tokens, shared);
      writer.quantize(rows, 2 * routed);
      writer.sweep_to_gemm(OpKind::kPermute, rows, hidden);
      writer.expert_gemm(hidden, routed);
      writer.sweep(OpKind::kSwiGluBackward, rows, routed);
      if (recipe.recompute.norms) {
        writer.sweep(OpKind::kNorm, tokens, hidden);
        writer.quantize(shared > 0 ? tokens : 0, hidden);  // what the shared experts read
      }
      writer.quantize(rows, 2 * routed);
      writer.expert_gemm(2 * routed, hidden);
      writer.sweep(OpKind::kUnpermute, rows, hidden);
      writer.input_gradient(2 * shared, hidden);
      break;
    case LayerPass::kWeightGradient:
      if (recipe.recompute.swiglu) {  // the routed experts' backward kernel does it on the way
        writer.sweep_to_gemm(OpKind::kSwiGlu, tokens, shared);
      }
      writer.weight_gradient(shared, hidden);
      writer.expert_weight_gradient(routed, hidden);
      writer.expert_weight_gradient(hidden, 2 * routed);
      writer.quantize(shared > 0 ? tokens : 0, hidden);  // the kept FP8 input, cast back
      writer.weight_gradient(hidden, 2 * shared);
      break;
  }
  return writer.take();
}

std::vector<Op> dense_mlp_ops(const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe,
                              LayerPass pass) {
  const std::int64_t hidden = model.hidden;
  const std::int64_t inner = model.dense_intermediate;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      writer.linear(hidden, 2 * inner);
      writer.sweep_to_gemm(OpKind::kSwiGlu, shard.tokens, inner);
      writer.gemm(inner, hidden);
      writer.sweep(OpKind::kAdd, shard.tokens, hidden);
      writer.quantize(shard.tokens, 2 * inner);  // SwiGLU's input, kept for the backward pass
      break;
    case LayerPass::kInputGradient:
      writer.input_gradient(hidden, inner);
      writer.quantize(shard.tokens, 2 * inner);  // SwiGLU's kept input, cast back
      writer.sweep(OpKind::kSwiGluBackward, shard.tokens, inner);
      if (recipe.recompute.norms) {
        writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      }
      writer.input_gradient(2 * inner, hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, hidden);
      writer.sweep(OpKind::kAdd, shard.tokens, hidden);
      break;
    case LayerPass::kWeightGradient:
      if (recipe.recompute.swiglu) {
        writer.sweep_to_gemm(OpKind::kSwiGlu, shard.tokens, inner);
      }
      writer.weight_gradient(inner, hidden);
      writer.weight_gradient(hidden, 2 * inner);
      break;
  }
  return writer.take();
}

std::vector<Op> embedding_ops(const Architecture& model, const TokenShard& shard, LayerPass pass) {
  OpWriter writer(shard, {});
  if (pass == LayerPass::kForward) {
    writer.sweep(OpKind::kEmbed, shard.tokens, model.hidden);
  } else if (pass == LayerPass::kWeightGradient) {
    writer.sweep(OpKind::kEmbedBackward, shard.tokens, model.hidden);
  }
  return writer.take();
}

std::vector<Op> head_ops(const Architecture& model,
                         const TokenShard& shard,
                         const Recipe& recipe,
                         LayerPass pass) {
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, shard.tokens, model.hidden);
      writer.precise_gemm(Precision::kBf16, model.hidden, model.vocabulary);
      writer.sweep(OpKind::kCrossEntropy, shard.tokens, model.vocabulary);
      break;
    case LayerPass::kInputGradient:
      writer.sweep(OpKind::kCrossEntropyBackward, shard.tokens, model.vocabulary);
      writer.precise_gemm(Precision::kBf16, model.vocabulary, model.hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, model.hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.precise_weight_gradient(Precision::kBf16, model.hidden, model.vocabulary);
      break;
  }
  return writer.take();
}

std::vector<Op> mtp_join_ops(const Architecture& model,
                             const TokenShard& shard,
                             const Recipe& recipe,
                             LayerPass pass) {
  const std::int64_t hidden = model.hidden;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kEmbed, shard.tokens, hidden);
      writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      writer.linear(2 * hidden, hidden);
      break;
    case LayerPass::kInputGradient:
      writer.input_gradient(hidden, 2 * hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.weight_gradient(2 * hidden, hidden);
      writer.sweep(OpKind::kEmbedBackward, shard.tokens, hidden);
      break;
  }
  return writer.take();
}

}  // namespace towtank
