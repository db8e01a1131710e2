// Choices about how a model is computed that change its operations but not its results' meaning.
#pragma once

#include <variant>

#include "sim/model/architecture.hpp"
#include "sim/model/op.hpp"

namespace towtank {

/// What is computed again in the backward pass instead of being kept.
struct Recompute {
  bool norms = false;           // RMSNorm or LayerNorm
  bool up_projections = false;  // latent attention's query and key/value up-projections
  bool swiglu = false;          // SwiGLU, or a plain MLP's activation, of experts and dense MLPs
  bool core_attention = false;  // softmax(Q K^T) V: queries, keys and values are kept, not its
                                // output ("selective" of arXiv 2205.05198)
  bool shared_experts = false;  // all of them, from the layer's input
  bool mlp = false;     // dense MLPs and expert layers whole, with their communication; their input
                        // is kept
  bool layers = false;  // whole layers, with their communication; only their inputs are kept
};

/// What attention's backward pass computes again by itself: nothing where the whole layer's forward
/// pass is run again before it.
inline Recompute recomputed_in_attention(const Recompute& recompute) {
  return recompute.layers ? Recompute{} : recompute;
}

/// The same of an MLP or an expert layer.
inline Recompute recomputed_in_mlp(const Recompute& recompute) {
  return recompute.layers || recompute.mlp ? Recompute{} : recompute;
}

/// Whether a model has what recompute.up_projections computes again.
inline bool has_up_projections(const Attention& attention) {
  return std::holds_alternative<LatentAttention>(attention);
}

/// How logits become a loss and its gradient.
enum class Loss {
  kWhole,     // PyTorch's: cast to FP32, log-softmax over the vocabulary
  kParallel,  // Megatron-Core's over parts of the vocabulary, unfused
  kFused,     // two passes over the BF16 logits, whose gradient takes their place (Transformer
              // Engine's parallel_cross_entropy and its like)
};

struct Recipe {
  /// Of the linear layers: BF16 (FP16 is the same), kFp8Block, kFp8 (MXFP8, or one scale
  /// a tensor, as Transformer Engine casts for Hopper) or kFp4 (NVFP4, arXiv 2509.25149).
  /// Embedding, head, router and the core of attention stay high.
  Precision gemm = Precision::kFp8Block;
  Recompute recompute = {};
  Precision moments = Precision::kBf16;    // of AdamW: FP32 or BF16. Master weights are FP32
  Precision gradients = Precision::kFp32;  // as they are added up and reduced: FP32 or BF16
  Loss loss = Loss::kWhole;
  /// Whether the core of attention is one kernel (FlashAttention, arXiv 2205.14135). Otherwise
  /// scores and probabilities are written to memory, between batched GEMMs over whole score
  /// matrices, as Megatron-LM did until 2022.
  bool fused_attention = true;
  /// Of attention's probabilities and of what attention and dense MLPs add to the residual. A fused
  /// attention drops on the way, without traffic.
  bool dropout = false;
};

}  // namespace towtank
