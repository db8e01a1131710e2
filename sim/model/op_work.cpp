// FLOP of an op.
#include <algorithm>

#include "sim/model/op.hpp"
#include "sim/model/op_shape.hpp"

namespace towtank {
namespace {

double product(std::int64_t a, std::int64_t b, std::int64_t c = 1) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

/// Which of an operation's products count as work, and over how much of the score matrix.
enum class Recomputed { kCounted, kLeftOut };
enum class ScoreMatrix { kSeen, kFull };

/// Sum of min(position, window) over positions 1 to `last`.
double keys_up_to(double last, double window) {
  const double ramp = std::min(last, window);
  return ramp * (ramp + 1.0) / 2.0 + (last - ramp) * window;
}

/// Pairs of a query and a key it sees, of one head of one sequence.
double seen_pairs(const AttentionShape& shape) {
  const double query = static_cast<double>(shape.query);
  const double context = static_cast<double>(shape.context);
  const double window = static_cast<double>(shape.window);
  if (!shape.causal) {
    return query * (shape.window > 0 ? std::min(context, window) : context);
  }
  if (shape.spread || query >= context) {
    const double keys = shape.window > 0 ? keys_up_to(context, window) / context : context / 2.0;
    return query * keys;
  }
  if (shape.window > 0) {
    return keys_up_to(context, window) - keys_up_to(context - query, window);
  }
  return query * (context - query / 2.0);
}

/// FLOP per pair of a query and a key it may see, for one head. Forward: Q K^T over qk_dim and P V
/// over v_dim. Backward: dQ and dK over qk_dim, dV and dP over v_dim, and Q K^T once more.
double attention_flop_per_pair(OpKind kind, const AttentionShape& shape, Recomputed recomputed) {
  const double qk = static_cast<double>(shape.qk_dim);
  const double v = static_cast<double>(shape.v_dim);
  if (kind != OpKind::kAttentionBackward) {
    return 2.0 * (qk + v);
  }
  const double needed = 4.0 * (qk + v);
  return recomputed == Recomputed::kCounted ? needed + 2.0 * qk : needed;
}

double attention_flop(const Op& op, Recomputed recomputed, ScoreMatrix matrix) {
  const AttentionShape& shape = attention_shape(op);
  const double pairs =
      matrix == ScoreMatrix::kSeen ? seen_pairs(shape) : product(shape.query, shape.context);
  return product(shape.batch, shape.heads) * pairs *
         attention_flop_per_pair(op.kind, shape, recomputed);
}

double decode_flop(const Op& op) {
  AttentionShape shape = attention_shape(op);
  shape.causal = false;
  return product(shape.batch, shape.heads) * seen_pairs(shape) *
         attention_flop_per_pair(op.kind, shape, Recomputed::kCounted);
}

/// Prefill makes keys and values of the whole context from its latent vectors; decoding passes its
/// queries through the same weights instead, whatever the context.
double mla_projection_flop(const Op& op) {
  const AttentionShape& shape = attention_shape(op);
  const double heads = static_cast<double>(shape.heads);
  const double queries = product(shape.batch, shape.query);
  const double expanded =
      op.kind == OpKind::kMlaBlockPrefill ? product(shape.batch, shape.context) : queries;
  const MlaBlock block;
  return 2.0 * (queries * mla_token_weights(block, heads) +
                expanded * mla_key_value_weights(block, heads));
}

double moe_flop(const Op& op) {
  const MoeShape& shape = moe_shape(op);
  const double columns =
      static_cast<double>(shape.intermediate) / static_cast<double>(shape.tensor_parallel);
  return 2.0 * rows_per_rank(shape) * static_cast<double>(shape.hidden) * columns *
         (shape.gated ? 3.0 : 2.0);
}

Flops work(const Op& op, Recomputed recomputed, ScoreMatrix matrix) {
  switch (op.kind) {
    case OpKind::kGemm:
    case OpKind::kGroupedGemm:
    case OpKind::kWeightGemm:
    case OpKind::kBatchedGemm:
    case OpKind::kMaskedGroupedGemm: {
      const GemmShape& shape = gemm_shape(op);
      return 2.0 * product(shape.m, shape.n, shape.k) * flop;
    }
    case OpKind::kAttentionForward:
    case OpKind::kAttentionBackward:
      return attention_flop(op, recomputed, matrix) * flop;
    case OpKind::kAttentionDecode:
    case OpKind::kMlaDecode:
      return decode_flop(op) * flop;
    case OpKind::kMlaBlockPrefill:
      return (attention_flop(op, recomputed, matrix) + mla_projection_flop(op)) * flop;
    case OpKind::kMlaBlockDecode:
      return (decode_flop(op) + mla_projection_flop(op)) * flop;
    case OpKind::kMoeLayer:
      return moe_flop(op) * flop;
    default:  // sweeps and collectives
      return {};
  }
}

}  // namespace

Flops flops(const Op& op) {
  return work(op, Recomputed::kCounted, ScoreMatrix::kSeen);
}

Flops model_flops(const Op& op) {
  return work(op, Recomputed::kLeftOut, ScoreMatrix::kSeen);
}

Flops model_flops_full_attention(const Op& op) {
  return work(op, Recomputed::kLeftOut, ScoreMatrix::kFull);
}

}  // namespace towtank
