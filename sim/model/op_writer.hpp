// Writes a block's operations down in order; knows what the recipe adds around each linear layer.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/model/layer_ops.hpp"

namespace towtank {

/// The operations of one block in one pass. Biases run in the epilogues of their GEMMs and are no
/// operations of their own.
class OpWriter {
 public:
  OpWriter(const TokenShard& shard, const Recipe& recipe) : shard_(shard), recipe_(recipe) {}

  /// The operations written, without those of blocks the model does not have (no shared experts).
  std::vector<Op> take();

  void sweep(OpKind kind, std::int64_t rows, std::int64_t columns);

  /// A sweep whose result goes straight to an FP8 GEMM where the recipe has one.
  void sweep_to_gemm(OpKind kind, std::int64_t rows, std::int64_t columns);

  /// A cast to FP8 or back, where the recipe is FP8.
  void quantize(std::int64_t rows, std::int64_t columns);

  /// y (tokens, out) = x (tokens, in) W, quantising x first.
  void linear(std::int64_t in, std::int64_t out);

  /// dx (tokens, in) = dy (tokens, out) W^T: quantises dy and transposes the FP8 weights first.
  void input_gradient(std::int64_t out, std::int64_t in);

  /// FP8 tensor cores read both operands along the reduction, so backward needs its own copy.
  void transpose_weights(std::int64_t in, std::int64_t out);

  /// y = x W with x quantised by the operation before.
  void gemm(std::int64_t in, std::int64_t out);

  /// dW (in, out) += x^T dy, with both operands quantised along the tokens; nothing for a layer
  /// without weights.
  void weight_gradient(std::int64_t in, std::int64_t out);

  void expert_gemm(std::int64_t in, std::int64_t out);
  void expert_weight_gradient(std::int64_t in, std::int64_t out);

  void precise_gemm(Precision precision, std::int64_t in, std::int64_t out);
  void precise_weight_gradient(Precision precision, std::int64_t in, std::int64_t out);

  /// Causal BF16 attention of the shard's queries to all keys of their sequences. Of `heads` only
  /// the heads, their sizes and the window are read.
  void attention(OpKind kind, AttentionShape heads);

 private:
  bool is_fp8() const { return recipe_.gemm == Precision::kFp8Block; }
  void transposed_casts(std::int64_t rows, std::int64_t in, std::int64_t out);

  TokenShard shard_;
  Recipe recipe_;
  std::vector<Op> ops_;
};

/// What a model's MLPs are made of: gated ones have two up-projections and multiply their results.
struct MlpForm {
  std::int64_t ups = 2;
  OpKind activation = OpKind::kSwiGlu;
  OpKind activation_backward = OpKind::kSwiGluBackward;
};

MlpForm mlp_form(const Architecture& model);

}  // namespace towtank
