#include "sim/model/parameters.hpp"

#include <map>
#include <vector>

#include "sim/model/layer_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {
namespace {

double product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

/// A linear layer with a bias for each of its results, or without.
double linear(std::int64_t in, std::int64_t out, bool bias) {
  return product(in + (bias ? 1 : 0), out);
}

double attention_parameters(const LatentAttention& mla, std::int64_t hidden) {
  const std::int64_t queries = mla.heads * (mla.nope_head_dim + mla.rope_head_dim);
  const double of_queries = mla.query_rank > 0
                                ? product(hidden, mla.query_rank) + product(mla.query_rank, queries)
                                : product(hidden, queries);
  return of_queries + product(hidden, mla.key_value_rank + mla.rope_head_dim) +
         product(mla.key_value_rank, mla.heads * (mla.nope_head_dim + mla.value_head_dim)) +
         product(mla.heads * mla.value_head_dim, hidden);
}

double attention_parameters(const GroupedAttention& grouped, std::int64_t hidden) {
  const std::int64_t heads = grouped.heads + 2 * grouped.kv_heads;
  return linear(hidden, heads * grouped.head_dim, grouped.qkv_bias) +
         linear(grouped.heads * grouped.head_dim, hidden, grouped.output_bias);
}

/// Norms inside attention, which are RMSNorms: of the latents, or of queries and keys.
std::int64_t inner_norms(const LatentAttention& mla) {
  return mla.query_rank + mla.key_value_rank;
}

std::int64_t inner_norms(const GroupedAttention& grouped) {
  return grouped.qk_norm ? 2 * grouped.head_dim : 0;
}

/// An MLP of `inner` columns.
double mlp(const Architecture& model, std::int64_t inner) {
  return inner == 0 ? 0.0
                    : linear(model.hidden, mlp_form(model).ups * inner, model.mlp_bias) +
                          linear(inner, model.hidden, model.mlp_bias);
}

double norm(const Architecture& model) {
  return static_cast<double>(model.layer_norm ? 2 * model.hidden : model.hidden);
}

double dense_layer(const BlockParameters& block) {
  return block.attention + block.norms + block.dense_mlp;
}

/// One MoE layer with `experts` of its routed experts.
double moe_layer(const BlockParameters& block, double experts) {
  return block.attention + block.norms + block.router + block.shared_experts +
         experts * block.expert;
}

/// The model's layers, with `experts` routed experts counted in each MoE layer.
double layers_with(const Architecture& model, double experts) {
  const BlockParameters block = block_parameters(model);
  const auto moe_layers = static_cast<double>(layers_with_experts(model));
  const double dense_layers = static_cast<double>(model.layers) - moe_layers;
  return dense_layers * dense_layer(block) + moe_layers * moe_layer(block, experts) +
         block.embedding + block.head + block.final_norm;
}

Flops sum(const std::vector<Op>& ops, AttentionCount count) {
  Flops total;
  for (const Op& op : ops) {
    total += count == AttentionCount::kCausal ? model_flops(op) : model_flops_full_attention(op);
  }
  return total;
}

/// How many layers have each window.
std::map<std::int64_t, std::int64_t> layers_of_window(const Architecture& model) {
  std::map<std::int64_t, std::int64_t> layers;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    ++layers[window_of_layer(model, layer)];
  }
  return layers;
}

}  // namespace

BlockParameters block_parameters(const Architecture& model) {
  const std::int64_t hidden = model.hidden;
  const ExpertLayer& moe = model.moe;
  return {
      .attention = std::visit([&](const auto& kind) { return attention_parameters(kind, hidden); },
                              model.attention),
      .norms = 2.0 * norm(model) +
               static_cast<double>(
                   std::visit([](const auto& kind) { return inner_norms(kind); }, model.attention)),
      .dense_mlp = mlp(model, model.dense_intermediate),
      .router = linear(hidden, moe.experts, moe.bias),
      .expert = mlp(model, moe.intermediate),
      .shared_experts = mlp(model, moe.width_of_shared()),
      .embedding = product(model.vocabulary + model.learned_positions, hidden),
      .head = model.tied_embeddings ? 0.0 : product(model.vocabulary, hidden),
      .final_norm = norm(model),
      .mtp_join = product(2 * hidden, hidden) + 3.0 * norm(model),
  };
}

double total_parameters(const Architecture& model) {
  return layers_with(model, static_cast<double>(model.moe.experts));
}

double active_parameters(const Architecture& model) {
  return layers_with(model, static_cast<double>(model.moe.top_k));
}

double mtp_parameters(const Architecture& model) {
  const BlockParameters block = block_parameters(model);
  const double layer = model.moe.experts > 0
                           ? moe_layer(block, static_cast<double>(model.moe.experts))
                           : dense_layer(block);
  return static_cast<double>(model.mtp_modules) * (block.mtp_join + layer);
}

Flops training_flops_per_token(const Architecture& model,
                               std::int64_t context,
                               AttentionCount count) {
  const Recipe plain{.gemm = Precision::kBf16, .recompute = {}};
  const TokenShard shard{.tokens = context,
                         .context = context,
                         .local_experts = model.moe.experts,
                         .expert_rows = context * model.moe.top_k};
  const auto moe_layers = static_cast<double>(layers_with_experts(model));
  const double dense_layers = static_cast<double>(model.layers) - moe_layers;
  Flops total;
  for (const LayerPass pass :
       {LayerPass::kForward, LayerPass::kInputGradient, LayerPass::kWeightGradient}) {
    for (const auto& [window, layers] : layers_of_window(model)) {
      total += static_cast<double>(layers) *
               sum(attention_ops(model, shard, plain, pass, window), count);
    }
    const Flops moe = sum(router_ops(model, shard, plain, pass), count) +
                      sum(expert_ops(model, shard, plain, pass), count);
    const Flops dense = sum(dense_mlp_ops(model, shard, plain, pass), count);
    const Flops head = sum(head_ops(model, shard, plain, pass), count);
    total += moe_layers * moe + dense_layers * dense + head;
  }
  return total / static_cast<double>(context);
}

Bytes kv_cache_per_token(const Architecture& model, Bytes element) {
  return static_cast<double>(model.layers * key_value_width(model.attention)) * element;
}

}  // namespace towtank
