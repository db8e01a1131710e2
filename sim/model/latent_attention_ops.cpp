// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).
#include "sim/model/attention_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {
namespace {

/// Widths of latent attention that several passes need.
struct MlaWidths {
  std::int64_t latent;     // compressed key/value and the shared rotary key
  std::int64_t first;      // what queries are projected to first: their latent, or themselves
  std::int64_t query;      // all heads' queries
  std::int64_t key_value;  // all heads' rotary-free keys and values
  std::int64_t value;      // all heads' values: input of the output projection
};

MlaWidths widths(const LatentAttention& mla) {
  const std::int64_t query = mla.heads * (mla.nope_head_dim + mla.rope_head_dim);
  return {.latent = mla.key_value_rank + mla.rope_head_dim,
          .first = mla.query_rank > 0 ? mla.query_rank : query,
          .query = query,
          .key_value = mla.heads * (mla.nope_head_dim + mla.value_head_dim),
          .value = mla.heads * mla.value_head_dim};
}

/// Latents to heads: the part of the forward pass that is recomputed in the backward pass.
void write_up_projections(OpWriter& writer, const LatentAttention& mla, std::int64_t tokens) {
  const MlaWidths width = widths(mla);
  if (mla.query_rank > 0) {
    writer.linear(mla.query_rank, width.query);
  }
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

AttentionShape shape(const LatentAttention& mla) {
  return {.heads = mla.heads,
          .qk_dim = mla.nope_head_dim + mla.rope_head_dim,
          .v_dim = mla.value_head_dim};
}

}  // namespace

std::vector<Op> latent_attention_ops(const LatentAttention& mla,
                                     std::int64_t hidden,
                                     const TokenShard& shard,
                                     const Recipe& recipe,
                                     LayerPass pass) {
  const MlaWidths width = widths(mla);
  const std::int64_t tokens = shard.tokens;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, tokens, hidden);
      writer.linear(hidden, width.first);
      writer.linear(hidden, width.latent);
      write_latent_norms(writer, OpKind::kNorm, mla, tokens);
      write_up_projections(writer, mla, tokens);
      writer.attention(OpKind::kAttentionForward, shape(mla));
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
      writer.attention(OpKind::kAttentionBackward, shape(mla));
      writer.sweep(OpKind::kRopeBackward, tokens, width.query);
      if (mla.query_rank > 0) {
        writer.input_gradient(width.query, mla.query_rank);
      }
      writer.input_gradient(width.key_value, mla.key_value_rank);
      write_latent_norms(writer, OpKind::kNormBackward, mla, tokens);
      if (recipe.recompute.norms) {
        writer.sweep(OpKind::kNorm, tokens, hidden);
      }
      writer.input_gradient(width.latent, hidden);
      writer.input_gradient(width.first, hidden);
      writer.sweep(OpKind::kAdd, tokens, hidden);
      writer.sweep(OpKind::kNormBackward, tokens, hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.weight_gradient(width.value, hidden);
      writer.weight_gradient(mla.key_value_rank, width.key_value);
      writer.weight_gradient(mla.query_rank, width.query);
      writer.weight_gradient(hidden, width.latent);
      writer.weight_gradient(hidden, width.first);
      break;
  }
  return writer.take();
}

}  // namespace towtank
