// Multi-head, grouped-query and multi-query attention (arXiv 2305.13245): one projection to
// queries, keys and values, attention, and the output projection.
#include "sim/model/attention_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {
namespace {

/// Columns of a token's queries and of its keys, all heads together.
struct Widths {
  std::int64_t query;
  std::int64_t key;  // and as many of values

  std::int64_t projected() const { return query + 2 * key; }
};

Widths widths(const GroupedAttention& grouped) {
  return {.query = grouped.heads * grouped.head_dim, .key = grouped.kv_heads * grouped.head_dim};
}

/// Norms of queries and keys, where the model has them.
void write_head_norms(OpWriter& writer,
                      OpKind kind,
                      const GroupedAttention& grouped,
                      std::int64_t tokens) {
  if (grouped.qk_norm) {
    writer.sweep(kind, tokens, widths(grouped).query);
    writer.sweep(kind, tokens, widths(grouped).key);
  }
}

void write_rotation(OpWriter& writer,
                    OpKind kind,
                    const GroupedAttention& grouped,
                    std::int64_t tokens) {
  if (grouped.rotary) {
    writer.sweep(kind, tokens, widths(grouped).query + widths(grouped).key);
  }
}

}  // namespace

std::vector<Op> grouped_attention_ops(const GroupedAttention& grouped,
                                      std::int64_t hidden,
                                      const TokenShard& shard,
                                      const Recipe& recipe,
                                      LayerPass pass,
                                      std::int64_t window) {
  const Widths width = widths(grouped);
  const std::int64_t tokens = shard.tokens;
  const AttentionShape shape{.heads = grouped.heads,
                             .qk_dim = grouped.head_dim,
                             .v_dim = grouped.head_dim,
                             .kv_heads = grouped.kv_heads,
                             .window = window};
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, tokens, hidden);
      writer.linear(hidden, width.projected());
      write_head_norms(writer, OpKind::kNorm, grouped, tokens);
      write_rotation(writer, OpKind::kRope, grouped, tokens);
      writer.attention(OpKind::kAttentionForward, shape);
      writer.linear(width.query, hidden);
      writer.sweep(OpKind::kAdd, tokens, hidden);
      break;
    case LayerPass::kInputGradient:
      writer.input_gradient(hidden, width.query);
      if (recipe.recompute.norms && grouped.qk_norm) {
        write_head_norms(writer, OpKind::kNorm, grouped, tokens);
        write_rotation(writer, OpKind::kRope, grouped, tokens);
      }
      writer.attention(OpKind::kAttentionBackward, shape);
      write_rotation(writer, OpKind::kRopeBackward, grouped, tokens);
      write_head_norms(writer, OpKind::kNormBackward, grouped, tokens);
      if (recipe.recompute.norms) {
        writer.sweep(OpKind::kNorm, tokens, hidden);
      }
      writer.input_gradient(width.projected(), hidden);
      writer.sweep(OpKind::kNormBackward, tokens, hidden);
      writer.sweep(OpKind::kAdd, tokens, hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.weight_gradient(width.query, hidden);
      writer.weight_gradient(hidden, width.projected());
      break;
  }
  return writer.take();
}

}  // namespace towtank
