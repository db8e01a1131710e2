// The operations of each block of a decoder, pass by pass, in the order in which a GPU runs them.
//
// Shapes follow the DeepSeek-V3 report (arXiv 2412.19437, sections 2.1 and 3.3): linear layers in
// the recipe's precision, attention core in BF16, router in FP32, embedding and head in BF16. What
// quantisation adds (casts, transposed casts for weight gradients) is there only in FP8 and FP4
// recipes, as the libraries that train in them do it.
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
///
/// `tensor` ranks share every linear layer (arXiv 1909.08053): each has 1 / tensor of the heads, of
/// an MLP's inner columns and of the vocabulary. With sequence parallelism (arXiv 2205.05198) each
/// keeps 1 / tensor of the tokens between linear layers: norms, residuals, router. `expert_tensor`
/// ranks share every routed expert's inner columns. What these ranks send each other stands among
/// the operations, where the kernels around it wait for it: all-gather, reduce-scatter or, without
/// sequence parallelism, all-reduce, with the scope of its group. A weight gradient whose input was
/// gathered stands right behind the all-gather that brings it again.
///
/// Heads and columns that the ranks do not divide are padded; heads of keys that are fewer than the
/// ranks are on several.
struct TokenShard {
  std::int64_t tokens = 0;  // of the micro-batch on this GPU's tensor ranks, of all its sequences
  std::int64_t sequences = 1;      // sequences they belong to, in equal parts
  std::int64_t context = 0;        // keys of the sequence, wherever they are held
  std::int64_t local_experts = 0;  // routed experts on this GPU
  std::int64_t expert_rows = 0;    // token copies that its expert-tensor ranks work on; balanced:
                                   // own_tokens() * expert_tensor * top_k
  std::int64_t tensor = 1;         // ranks that share the linear layers
  std::int64_t expert_tensor = 1;  // ranks that share each routed expert
  bool sequence_parallel = true;   // means nothing where tensor = 1

  /// Tokens of norms, residuals and the router.
  std::int64_t own_tokens() const { return sequence_parallel ? tokens / tensor : tokens; }
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
