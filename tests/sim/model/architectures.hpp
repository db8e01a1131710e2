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
          .attention = {.heads = 128,
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
          .attention = {.heads = 128,
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
          .attention = {.heads = 16,
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

}  // namespace towtank
