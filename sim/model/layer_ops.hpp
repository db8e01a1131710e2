// The operations of each block of a decoder, pass by pass, in the order in which a GPU runs them.
//
// Shapes follow the DeepSeek-V3 report (arXiv 2412.19437, sections 2.1 and 3.3): linear layers in
// the recipe's precision, attention core in BF16, router in FP32, embedding and head in BF16. What
// quantisation adds (casts, transposed casts for weight gradients) is there only in FP8 recipes.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/model/op.hpp"
#include "sim/model/recipe.hpp"

namespace towtank {

/// The three computations of training. Backward in the usual sense is the last two together.
enum class LayerPass { kForward, kInputGradient, kWeightGradient };

/// What one GPU works on in one micro-batch.
struct TokenShard {
  std::int64_t tokens = 0;         // tokens of the micro-batch on this GPU, of all its sequences
  std::int64_t sequences = 1;      // sequences they belong to, in equal parts
  std::int64_t context = 0;        // keys of the sequence, wherever they are held
  std::int64_t local_experts = 0;  // routed experts on this GPU
  std::int64_t expert_rows = 0;    // token copies arriving at them; balanced: tokens * top_k
};

/// Norm, attention and residual addition. (tokens, hidden) -> (tokens, hidden). `window`: keys that
/// a query of this layer sees at most; 0: all.
std::vector<Op> attention_ops(const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe,
                              LayerPass pass,
                              std::int64_t window);

/// Norm, gating and preparation of the dispatch. Runs before the dispatch in the forward pass,
/// after the combine in the backward pass.
std::vector<Op> router_ops(const Architecture& model,
                           const TokenShard& shard,
                           const Recipe& recipe,
                           LayerPass pass);

/// Routed experts on the rows that arrived, and the shared experts on the GPU's own tokens.
std::vector<Op> expert_ops(const Architecture& model,
                           const TokenShard& shard,
                           const Recipe& recipe,
                           LayerPass pass);

/// Norm, dense MLP and residual addition.
std::vector<Op> dense_mlp_ops(const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe,
                              LayerPass pass);

/// Token embedding look-up, the addition of learned positions, and their gradients.
std::vector<Op> embedding_ops(const Architecture& model, const TokenShard& shard, LayerPass pass);

/// Final norm, output head and loss, for every token.
std::vector<Op> head_ops(const Architecture& model,
                         const TokenShard& shard,
                         const Recipe& recipe,
                         LayerPass pass);

/// What joins a multi-token prediction module to the model: two norms and the projection of
/// (tokens, 2 hidden) to (tokens, hidden), with the shared embedding of the next token
/// (report, equation 21). The module's transformer layer and head are counted by their own
/// functions.
std::vector<Op> mtp_join_ops(const Architecture& model,
                             const TokenShard& shard,
                             const Recipe& recipe,
                             LayerPass pass);

}  // namespace towtank
