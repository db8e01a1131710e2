#include "sim/model/parameters.hpp"

#include <vector>

#include "sim/model/layer_ops.hpp"

namespace towtank {
namespace {

double product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

double moe_layers(const Architecture& model) {
  return static_cast<double>(model.layers - model.dense_layers);
}

/// One MoE layer with `experts` of its routed experts.
double moe_layer(const BlockParameters& block, double experts) {
  return block.attention + block.norms + block.router + block.shared_experts +
         experts * block.expert;
}

/// The model's layers, with `experts` routed experts counted in each MoE layer.
double layers_with(const Architecture& model, double experts) {
  const BlockParameters block = block_parameters(model);
  const double dense = block.attention + block.norms + block.dense_mlp;
  const double final_norm = static_cast<double>(model.hidden);
  return static_cast<double>(model.dense_layers) * dense +
         moe_layers(model) * moe_layer(block, experts) + block.embedding + block.head + final_norm;
}

Flops sum(const std::vector<Op>& ops, AttentionCount count) {
  Flops total;
  for (const Op& op : ops) {
    total += count == AttentionCount::kCausal ? model_flops(op) : model_flops_full_attention(op);
  }
  return total;
}

}  // namespace

BlockParameters block_parameters(const Architecture& model) {
  const LatentAttention& mla = model.attention;
  const std::int64_t hidden = model.hidden;
  const double moe_inner = product(3 * hidden, model.moe.intermediate);
  return {
      .attention =
          product(hidden, mla.query_rank) +
          product(mla.query_rank, mla.heads * (mla.nope_head_dim + mla.rope_head_dim)) +
          product(hidden, mla.key_value_rank + mla.rope_head_dim) +
          product(mla.key_value_rank, mla.heads * (mla.nope_head_dim + mla.value_head_dim)) +
          product(mla.heads * mla.value_head_dim, hidden),
      .norms = static_cast<double>(2 * hidden + mla.query_rank + mla.key_value_rank),
      .dense_mlp = product(3 * hidden, model.dense_intermediate),
      .router = product(hidden + 1, model.moe.experts),
      .expert = moe_inner,
      .shared_experts = static_cast<double>(model.moe.shared_experts) * moe_inner,
      .embedding = product(model.vocabulary, hidden),
      .head = product(model.vocabulary, hidden),
      .mtp_join = product(2 * hidden, hidden) + static_cast<double>(3 * hidden),
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
  return static_cast<double>(model.mtp_modules) *
         (block.mtp_join + moe_layer(block, static_cast<double>(model.moe.experts)));
}

Flops training_flops_per_token(const Architecture& model,
                               std::int64_t context,
                               AttentionCount count) {
  const Recipe plain{.gemm = Precision::kBf16, .recompute = {}};
  const TokenShard shard{.tokens = context,
                         .context = context,
                         .local_experts = model.moe.experts,
                         .expert_rows = context * model.moe.top_k};
  Flops total;
  for (const LayerPass pass :
       {LayerPass::kForward, LayerPass::kInputGradient, LayerPass::kWeightGradient}) {
    const Flops attention = sum(attention_ops(model, shard, plain, pass), count);
    const Flops moe = sum(router_ops(model, shard, plain, pass), count) +
                      sum(expert_ops(model, shard, plain, pass), count);
    const Flops dense = sum(dense_mlp_ops(model, shard, plain, pass), count);
    const Flops head = sum(head_ops(model, shard, plain, pass), count);
    total += static_cast<double>(model.layers) * attention + moe_layers(model) * moe +
             static_cast<double>(model.dense_layers) * dense + head;
  }
  return total / static_cast<double>(context);
}

Bytes kv_cache_per_token(const Architecture& model, Bytes element) {
  const std::int64_t latent = model.attention.key_value_rank + model.attention.rope_head_dim;
  return static_cast<double>(model.layers * latent) * element;
}

}  // namespace towtank
