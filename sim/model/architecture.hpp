// A transformer decoder as its designers describe it: sizes, no hardware and no plan.
#pragma once

#include <cstdint>
#include <string>

namespace towtank {

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): queries and
/// keys/values are projected through low-rank latents; a shared rotary key is carried beside them.
struct LatentAttention {
  std::int64_t heads = 0;
  std::int64_t query_rank = 0;      // width of the compressed query
  std::int64_t key_value_rank = 0;  // width of the compressed key and value, cached at inference
  std::int64_t nope_head_dim = 0;   // part of a query/key head without rotary embedding
  std::int64_t rope_head_dim = 0;   // rotary part; the key's is shared by all heads
  std::int64_t value_head_dim = 0;
};

/// Mixture of experts with sigmoid gating and node-limited routing (DeepSeek-V3 report,
/// section 2.1).
struct ExpertLayer {
  std::int64_t experts = 0;           // routed experts
  std::int64_t top_k = 0;             // routed experts a token visits
  std::int64_t groups = 1;            // expert groups the router first chooses among
  std::int64_t groups_per_token = 1;  // groups (nodes) a token may visit
  std::int64_t shared_experts = 0;    // experts every token visits
  std::int64_t intermediate = 0;      // width of one expert's gated MLP
};

struct Architecture {
  std::string name;
  std::int64_t layers = 0;        // transformer layers, without the MTP modules
  std::int64_t dense_layers = 0;  // the first layers, which have a dense gated MLP
  std::int64_t hidden = 0;
  std::int64_t dense_intermediate = 0;
  std::int64_t vocabulary = 0;
  std::int64_t mtp_modules = 0;  // multi-token prediction depth; embedding and head are shared
  LatentAttention attention;
  ExpertLayer moe;
};

}  // namespace towtank
