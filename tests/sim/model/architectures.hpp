// Architectures that tests of several folders share.
#pragma once

#include "sim/model/architecture.hpp"

namespace towtank {

/// DeepSeek-V3 (arXiv 2412.19437, section 4.2).
inline Architecture deepseek_v3() {
  return {.name = "DeepSeek-V3",
          .layers = 61,
          .dense_layers = 3,
          .hidden = 7168,
          .dense_intermediate = 18432,
          .vocabulary = 129280,
          .mtp_modules = 1,
          .attention = LatentAttention{.heads = 128,
                                       .query_rank = 1536,
                                       .key_value_rank = 512,
                                       .nope_head_dim = 128,
                                       .rope_head_dim = 64,
                                       .value_head_dim = 128},
          .moe = {.experts = 256,
                  .top_k = 8,
                  .groups = 8,
                  .groups_per_token = 4,
                  .shared_experts = 1,
                  .intermediate = 2048}};
}

/// DeepSeek-V2 (arXiv 2405.04434, section 3.1.2).
inline Architecture deepseek_v2() {
  return {.name = "DeepSeek-V2",
          .layers = 60,
          .dense_layers = 1,
          .hidden = 5120,
          .dense_intermediate = 12288,
          .vocabulary = 102400,
          .mtp_modules = 0,
          .attention = LatentAttention{.heads = 128,
                                       .query_rank = 1536,
                                       .key_value_rank = 512,
                                       .nope_head_dim = 128,
                                       .rope_head_dim = 64,
                                       .value_head_dim = 128},
          .moe = {.experts = 160,
                  .top_k = 6,
                  .groups = 8,
                  .groups_per_token = 3,
                  .shared_experts = 2,
                  .intermediate = 1536}};
}

/// Everything DeepSeek-V3 has, in sizes that a test can walk through.
inline Architecture small_model() {
  return {.name = "small",
          .layers = 9,
          .dense_layers = 1,
          .hidden = 1024,
          .dense_intermediate = 2560,
          .vocabulary = 4000,
          .mtp_modules = 1,
          .attention = LatentAttention{.heads = 16,
                                       .query_rank = 384,
                                       .key_value_rank = 128,
                                       .nope_head_dim = 64,
                                       .rope_head_dim = 32,
                                       .value_head_dim = 48},
          .moe = {.experts = 32,
                  .top_k = 4,
                  .groups = 4,
                  .groups_per_token = 2,
                  .shared_experts = 1,
                  .intermediate = 320}};
}

/// GPT-3 175B (arXiv 2005.14165, Table 2.1): MHA, plain MLPs, LayerNorm, everything with a bias.
inline Architecture gpt3_175b() {
  return {.name = "GPT-3 175B",
          .layers = 96,
          .hidden = 12288,
          .dense_intermediate = 49'152,
          .vocabulary = 50257,
          .gated_mlp = false,
          .mlp_bias = true,
          .layer_norm = true,
          .tied_embeddings = true,
          .learned_positions = 2048,
          .attention = GroupedAttention{.heads = 96,
                                        .kv_heads = 96,
                                        .head_dim = 128,
                                        .rotary = false,
                                        .qkv_bias = true,
                                        .output_bias = true},
          .moe = {}};
}

/// The sizes in which dense models of Llama's kind differ.
struct LlamaSizes {
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;
  std::int64_t vocabulary = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
};

/// RMSNorm, SwiGLU, rotary GQA, head dimension 128, no bias (arXiv 2407.21783, section 3.2).
inline Architecture llama(const LlamaSizes& sizes) {
  return {.name = "Llama",
          .layers = sizes.layers,
          .hidden = sizes.hidden,
          .dense_intermediate = sizes.intermediate,
          .vocabulary = sizes.vocabulary,
          .attention =
              GroupedAttention{.heads = sizes.heads, .kv_heads = sizes.kv_heads, .head_dim = 128},
          .moe = {}};
}

inline Architecture llama31_8b() {
  return llama({32, 4096, 14336, 128256, 32, 8});
}

inline Architecture llama31_70b() {
  return llama({80, 8192, 28672, 128256, 64, 8});
}

inline Architecture llama31_405b() {
  return llama({126, 16384, 53248, 128256, 128, 8});
}

inline Architecture llama2_7b() {
  return llama({32, 4096, 11008, 32000, 32, 32});
}

inline Architecture llama2_70b() {
  return llama({80, 8192, 28672, 32000, 64, 8});
}

/// Mixtral 8x7B (arXiv 2401.04088, Table 1).
inline Architecture mixtral_8x7b() {
  Architecture model = llama({32, 4096, 14336, 32000, 32, 8});
  model.name = "Mixtral 8x7B";
  model.moe = {.experts = 8, .top_k = 2, .intermediate = 14336, .bias = false};
  return model;
}

/// Qwen3-30B-A3B (arXiv 2505.09388, Table 2).
inline Architecture qwen3_30b() {
  return {
      .name = "Qwen3-30B-A3B",
      .layers = 48,
      .hidden = 2048,
      .dense_intermediate = 6144,
      .vocabulary = 151936,
      .attention = GroupedAttention{.heads = 32, .kv_heads = 4, .head_dim = 128, .qk_norm = true},
      .moe = {.experts = 128, .top_k = 8, .intermediate = 768, .bias = false}};
}

/// Qwen3-235B-A22B (arXiv 2505.09388, Table 2).
inline Architecture qwen3_235b() {
  Architecture model = qwen3_30b();
  model.name = "Qwen3-235B-A22B";
  model.layers = 94;
  model.hidden = 4096;
  model.dense_intermediate = 12288;
  std::get<GroupedAttention>(model.attention).heads = 64;
  model.moe.intermediate = 1536;
  return model;
}

/// The text model of Llama 4 Maverick (its config.json): every second layer has 128 experts and a
/// shared one of the same width; the others have a dense MLP of twice that width.
inline Architecture llama4_maverick() {
  return {.name = "Llama 4 Maverick",
          .layers = 48,
          .hidden = 5120,
          .dense_intermediate = 16384,
          .vocabulary = 202048,
          .attention =
              GroupedAttention{
                  .heads = 40, .kv_heads = 8, .head_dim = 128, .window = 8192, .full_every = 4},
          .moe = {.experts = 128,
                  .top_k = 1,
                  .shared_experts = 1,
                  .intermediate = 8192,
                  .every = 2,
                  .bias = false}};
}

/// A dense model with grouped queries, plain MLPs and a tied head, of which every third layer sees
/// all keys and the others a window, in sizes that a test can walk through.
inline Architecture small_dense_model() {
  return {.name = "small dense",
          .layers = 9,
          .hidden = 1024,
          .dense_intermediate = 4096,
          .vocabulary = 4000,
          .gated_mlp = false,
          .mlp_bias = true,
          .layer_norm = true,
          .tied_embeddings = true,
          .attention =
              GroupedAttention{
                  .heads = 16, .kv_heads = 4, .head_dim = 64, .window = 512, .full_every = 3},
          .moe = {}};
}

/// Experts in every second layer, with grouped queries that are normed.
inline Architecture small_interleaved_model() {
  return {
      .name = "small interleaved",
      .layers = 10,
      .hidden = 1024,
      .dense_intermediate = 2560,
      .vocabulary = 4000,
      .attention = GroupedAttention{.heads = 16, .kv_heads = 2, .head_dim = 64, .qk_norm = true},
      .moe = {.experts = 32,
              .top_k = 2,
              .shared_experts = 1,
              .intermediate = 640,
              .shared_intermediate = 1280,
              .every = 2,
              .bias = false}};
}

}  // namespace towtank
