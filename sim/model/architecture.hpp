// A transformer decoder as its designers describe it: sizes, no hardware and no plan.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace towtank {

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): queries and
/// keys/values are projected through low-rank latents; a shared rotary key is carried beside them.
struct LatentAttention {
  std::int64_t heads = 0;
  std::int64_t query_rank = 0;      // width of the compressed query; 0: queries are not compressed
  std::int64_t key_value_rank = 0;  // width of the compressed key and value, cached at inference
  std::int64_t nope_head_dim = 0;   // part of a query/key head without rotary embedding
  std::int64_t rope_head_dim = 0;   // rotary part; the key's is shared by all heads
  std::int64_t value_head_dim = 0;
};

/// Attention whose query heads share keys and values in groups (GQA, arXiv 2305.13245): as many
/// groups as heads are multi-head attention (MHA), one group is multi-query attention (MQA).
struct GroupedAttention {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;  // of queries, keys and values
  /// Keys that a query sees at most, its own among them, in layers with a sliding window; 0: no
  /// layer has one.
  std::int64_t window = 0;
  /// Where there is a window: every so-manieth layer sees everything; 0: none does.
  std::int64_t full_every = 0;
  bool rotary = true;  // queries and keys are rotated; false: learned or no positions, ALiBi
  bool qkv_bias = false;
  bool output_bias = false;
  bool qk_norm = false;  // an RMSNorm of head_dim on queries and keys
};

using Attention = std::variant<LatentAttention, GroupedAttention>;

/// Mixture of experts. With groups, a token's experts are chosen in its best groups only
/// (DeepSeek-V3 report, section 2.1).
struct ExpertLayer {
  std::int64_t experts = 0;              // routed experts; 0: the model is dense
  std::int64_t top_k = 0;                // routed experts a token visits
  std::int64_t groups = 1;               // expert groups the router first chooses among
  std::int64_t groups_per_token = 1;     // groups (nodes) a token may visit
  std::int64_t shared_experts = 0;       // experts every token visits
  std::int64_t intermediate = 0;         // width of one expert's MLP
  std::int64_t shared_intermediate = 0;  // of one shared expert; 0: as a routed one
  std::int64_t every = 1;  // of the layers after the dense ones, each so-manieth has experts
  bool bias = true;  // the router adds a bias an expert, as sigmoid gating without losses does

  std::int64_t width_of_shared() const {
    return shared_experts * (shared_intermediate > 0 ? shared_intermediate : intermediate);
  }
};

struct Architecture {
  std::string name;
  std::int64_t layers = 0;        // transformer layers, without the MTP modules
  std::int64_t dense_layers = 0;  // the first layers, which have a dense MLP
  std::int64_t hidden = 0;
  std::int64_t dense_intermediate = 0;
  std::int64_t vocabulary = 0;
  std::int64_t mtp_modules = 0;  // multi-token prediction depth; embedding and head are shared
  bool gated_mlp = true;         // SwiGLU and its like: two up-projections; else one and GELU, ReLU
  bool mlp_bias = false;         // of dense MLPs and experts
  bool layer_norm = false;       // LayerNorm, with a bias; else RMSNorm
  bool tied_embeddings = false;  // the head is the embedding
  std::int64_t learned_positions = 0;  // rows of a learned position embedding
  Attention attention;
  ExpertLayer moe;
};

/// Whether a transformer layer, from 0, has experts.
bool has_experts(const Architecture& model, std::int64_t layer);
std::int64_t layers_with_experts(const Architecture& model);

/// Keys that a query of this layer sees at most; 0: all.
std::int64_t window_of_layer(const Architecture& model, std::int64_t layer);

std::int64_t attention_heads(const Attention& attention);

/// Elements of a token's keys and values that are cached, or shared with other context ranks, a
/// layer: compressed where they are.
std::int64_t key_value_width(const Attention& attention);

}  // namespace towtank
