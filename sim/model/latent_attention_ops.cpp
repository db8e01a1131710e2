// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).
//
// Tensor ranks share the heads. The projections to the latents, which have none, are on all of
// them: each projects its own tokens, and the latents are gathered (as Megatron-Core does).
#include "sim/model/attention_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {
namespace {

/// Linear layers and widths on one rank that several passes need.
struct MlaParts {
  std::int64_t query;  // all heads' queries
  std::int64_t value;  // all heads' values: input of the output projection
  Linear first;        // what queries are projected to first: their latent, or themselves
  Linear latent;       // to the compressed key/value and the shared rotary key
  Linear query_up;     // empty where queries are not compressed
  Linear key_value_up;
  Linear output;
};

MlaParts parts(const LatentAttention& mla, std::int64_t hidden) {
  const std::int64_t query = mla.heads * (mla.nope_head_dim + mla.rope_head_dim);
  const std::int64_t value = mla.heads * mla.value_head_dim;
  const bool compressed = mla.query_rank > 0;
  return {.query = query,
          .value = value,
          .first = {.in = hidden,
                    .out = compressed ? mla.query_rank : query,
                    .split = compressed ? Split::kNone : Split::kColumns},
          .latent = {.in = hidden, .out = mla.key_value_rank + mla.rope_head_dim},
          .query_up = {.in = mla.query_rank,
                       .out = query,
                       .split = Split::kColumns,
                       .input = Source::kNorm},
          .key_value_up = {.in = mla.key_value_rank,
                           .out = mla.heads * (mla.nope_head_dim + mla.value_head_dim),
                           .split = Split::kColumns,
                           .input = Source::kNorm},
          .output = {.in = value, .out = hidden, .split = Split::kRows}};
}

/// Latents to heads: the part of the forward pass that is recomputed in the backward pass.
void write_up_projections(OpWriter& writer, const MlaParts& mla, std::int64_t tokens) {
  writer.forward(mla.query_up);
  writer.forward(mla.key_value_up);
  writer.sweep(OpKind::kRope, tokens, mla.query);
}

AttentionShape shape(const LatentAttention& mla) {
  return {.heads = mla.heads,
          .qk_dim = mla.nope_head_dim + mla.rope_head_dim,
          .v_dim = mla.value_head_dim};
}

/// Writes one pass; functions of a pass each share its members.
class LatentAttentionWriter {
 public:
  LatentAttentionWriter(const LatentAttention& mla,
                        std::int64_t hidden,
                        const TokenShard& shard,
                        const Recipe& recipe)
      : mla_(mla),
        part_(parts(mla, hidden)),
        hidden_(hidden),
        shard_(shard),
        again_(recomputed_in_attention(recipe.recompute)),
        writer_(shard, recipe) {}

  std::vector<Op> forward() {
    writer_.sweep(OpKind::kNorm, shard_.own_tokens(), hidden_);
    writer_.forward(part_.first);
    writer_.forward(part_.latent);
    writer_.norm_to_linear(mla_.query_rank);
    writer_.norm_to_linear(mla_.key_value_rank);
    writer_.gather(mla_.rope_head_dim);
    write_up_projections(writer_, part_, shard_.tokens);
    writer_.attention(OpKind::kAttentionForward, shape(mla_));
    writer_.quantize(shard_.tokens, part_.value);  // kept for the backward pass
    writer_.forward(part_.output);
    writer_.residual(hidden_);
    return writer_.take();
  }

  std::vector<Op> input_gradient() {
    writer_.residual_gradient(hidden_);
    writer_.quantize(shard_.tokens, part_.value);  // the kept attention output, cast back
    writer_.input_gradient(part_.output);
    recompute_heads();
    writer_.attention(OpKind::kAttentionBackward, shape(mla_));
    writer_.sweep(OpKind::kRopeBackward, shard_.tokens, part_.query);
    writer_.input_gradient(part_.query_up);
    writer_.input_gradient(part_.key_value_up);
    writer_.scatter(mla_.rope_head_dim);
    writer_.sweep(OpKind::kNormBackward, shard_.own_tokens(), mla_.query_rank);
    writer_.sweep(OpKind::kNormBackward, shard_.own_tokens(), mla_.key_value_rank);
    if (again_.norms) {
      writer_.sweep(OpKind::kNorm, shard_.own_tokens(), hidden_);
      writer_.cast_again(shard_.own_tokens(), hidden_);
    }
    writer_.input_gradient(part_.latent);
    writer_.input_gradient(part_.first);
    writer_.sweep(OpKind::kAdd, shard_.own_tokens(), hidden_);
    writer_.sweep(OpKind::kNormBackward, shard_.own_tokens(), hidden_);
    return writer_.take();
  }

  std::vector<Op> weight_gradient() {
    writer_.weight_gradient(part_.output);
    writer_.weight_gradient(part_.key_value_up);
    writer_.weight_gradient(part_.query_up);
    writer_.weight_gradient(part_.latent);
    writer_.weight_gradient(part_.first);
    return writer_.take();
  }

 private:
  void recompute_heads() {
    if (again_.norms) {
      writer_.norm_again(mla_.query_rank);
      writer_.norm_again(mla_.key_value_rank);
    }
    if (again_.up_projections) {
      write_up_projections(writer_, part_, shard_.tokens);
    }
    if (again_.core_attention) {
      writer_.attention(OpKind::kAttentionForward, shape(mla_));
    }
  }

  LatentAttention mla_;
  MlaParts part_;
  std::int64_t hidden_;
  TokenShard shard_;
  Recompute again_;
  OpWriter writer_;
};

}  // namespace

std::vector<Op> latent_attention_ops(const LatentAttention& whole,
                                     std::int64_t hidden,
                                     const TokenShard& shard,
                                     const Recipe& recipe,
                                     LayerPass pass) {
  LatentAttention mla = whole;
  mla.heads = per_rank(whole.heads, shard.tensor);
  LatentAttentionWriter writer(mla, hidden, shard, recipe);
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
