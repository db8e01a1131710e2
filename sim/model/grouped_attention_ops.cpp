// Multi-head, grouped-query and multi-query attention (arXiv 2305.13245): one projection to
// queries, keys and values, attention, and the output projection.
#include <algorithm>

#include "sim/model/attention_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {
namespace {

/// Columns of a token's queries and of its keys, all heads of a rank together.
struct Widths {
  std::int64_t query;
  std::int64_t key;  // and as many of values

  std::int64_t projected() const { return query + 2 * key; }
};

/// The heads of one of `ranks` that share them. Heads of keys and values that are fewer than ranks
/// are on several.
GroupedAttention on_one_rank(GroupedAttention grouped, std::int64_t ranks) {
  grouped.heads = per_rank(grouped.heads, ranks);
  grouped.kv_heads = per_rank(grouped.kv_heads, ranks);
  return grouped;
}

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

std::vector<Op> grouped_attention_ops(const GroupedAttention& whole,
                                      std::int64_t hidden,
                                      const TokenShard& shard,
                                      const Recipe& recipe,
                                      LayerPass pass,
                                      std::int64_t window) {
  const GroupedAttention grouped = on_one_rank(whole, shard.tensor);
  const Widths width = widths(grouped);
  const std::int64_t tokens = shard.tokens;
  const AttentionShape shape{.heads = grouped.heads,
                             .qk_dim = grouped.head_dim,
                             .v_dim = grouped.head_dim,
                             .kv_heads = grouped.kv_heads,
                             .window = window};
  const Linear project{
      .in = hidden, .out = width.projected(), .split = Split::kColumns, .input = Source::kNorm};
  const Linear output{.in = width.query, .out = hidden, .split = Split::kRows};
  const Recompute again = recomputed_in_attention(recipe.recompute);
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.norm_to_linear(hidden);
      writer.forward(project);
      write_head_norms(writer, OpKind::kNorm, grouped, tokens);
      write_rotation(writer, OpKind::kRope, grouped, tokens);
      writer.attention(OpKind::kAttentionForward, shape);
      writer.forward(output);
      writer.residual(hidden);
      break;
    case LayerPass::kInputGradient:
      writer.residual_gradient(hidden);
      writer.input_gradient(output);
      if (again.norms && grouped.qk_norm) {
        write_head_norms(writer, OpKind::kNorm, grouped, tokens);
        write_rotation(writer, OpKind::kRope, grouped, tokens);
      }
      if (again.core_attention) {
        writer.attention(OpKind::kAttentionForward, shape);
      }
      writer.attention(OpKind::kAttentionBackward, shape);
      write_rotation(writer, OpKind::kRopeBackward, grouped, tokens);
      write_head_norms(writer, OpKind::kNormBackward, grouped, tokens);
      if (again.norms) {
        writer.norm_again(hidden);
      }
      writer.input_gradient(project);
      writer.sweep(OpKind::kNormBackward, shard.own_tokens(), hidden);
      writer.sweep(OpKind::kAdd, shard.own_tokens(), hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.weight_gradient(output);
      writer.weight_gradient(project);
      break;
  }
  return writer.take();
}

}  // namespace towtank
