// Writes a block's operations down in order; knows what the recipe adds around each linear layer,
// and what the ranks that share it send each other.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/model/layer_ops.hpp"

namespace towtank {

/// How tensor ranks share a linear layer (arXiv 1909.08053, section 3).
enum class Split {
  kNone,     // every rank has all weights, and multiplies its own tokens by them
  kColumns,  // a rank has some of the result's columns: it needs the whole input, and the input's
             // gradient is the sum of all ranks'
  kRows,     // a rank has some of the input's columns: the result is the sum of all ranks', and
             // each needs the result's whole gradient
};

/// What made an operand of a GEMM, and may have quantised it on the way.
enum class Source {
  kOther,
  kNorm,        // right before its linear layer, in one kernel where the recipe allows
  kActivation,  // of an MLP
  kDispatch,    // what the expert dispatch or the gradient of its combine sent, too
};

/// One linear layer as one rank has it.
struct Linear {
  std::int64_t in = 0;  // columns of the input on this rank
  std::int64_t out = 0;
  Split split = Split::kNone;
  Source input = Source::kOther;
  Source gradient = Source::kOther;  // the result's
};

/// Columns or heads on one of `ranks` that share `all`; the last one's are padded.
std::int64_t per_rank(std::int64_t all, std::int64_t ranks);

/// The operations of one block in one pass. Biases run in the epilogues of their GEMMs and are no
/// operations of their own.
class OpWriter {
 public:
  /// Checks that the recipe's precision is one of those that Recipe names.
  OpWriter(const TokenShard& shard, const Recipe& recipe);

  /// The operations written, without those of blocks the model does not have (no shared experts).
  std::vector<Op> take();

  void sweep(OpKind kind, std::int64_t rows, std::int64_t columns);

  /// A sweep whose result goes straight to a GEMM: it casts it in block-scaled FP8 recipes
  /// (DeepSeek-V3 report, section 3.5.1).
  void sweep_to_gemm(OpKind kind, std::int64_t rows, std::int64_t columns);

  /// The norm of the rank's own tokens before a linear layer whose input is Source::kNorm. With one
  /// scale a tensor it casts its result on the way (Transformer Engine's LayerNormLinear).
  void norm_to_linear(std::int64_t columns);

  /// The same in the backward pass, of a norm whose result was not kept.
  void norm_again(std::int64_t columns);

  /// An activation in the backward pass whose result was not kept, for a weight gradient.
  void activation_again(OpKind kind, std::int64_t rows, std::int64_t columns);

  /// A cast of what is kept for the backward pass, or back, in block-scaled FP8 recipes.
  void quantize(std::int64_t rows, std::int64_t columns);

  /// Both quantised copies of an input that was not kept, in recipes whose casts make both.
  void cast_again(std::int64_t rows, std::int64_t columns);

  /// y (tokens, out) = x (tokens, in) W. Quantises x first, if its source has not.
  void forward(const Linear& linear);

  /// dx (tokens, in) = dy (tokens, out) W^T. Quantises dy first.
  void input_gradient(const Linear& linear);

  /// dW (in, out) += x^T dy, both with the tokens innermost in memory where tensor cores that
  /// multiply FP8 want them so.
  void weight_gradient(const Linear& linear);

  /// The same for routed experts, on the rows that arrived. The split is not read.
  void expert_forward(const Linear& linear);
  void expert_input_gradient(const Linear& linear);
  void expert_weight_gradient(const Linear& linear);

  /// In a precision of its own.
  void precise_gemm(Precision precision, std::int64_t rows, std::int64_t in, std::int64_t out);
  void precise_weight_gradient(Precision precision,
                               std::int64_t rows,
                               std::int64_t in,
                               std::int64_t out);

  /// All tokens' rows of a tensor of which each tensor rank has its own tokens', in BF16. Nothing
  /// where it has all of them.
  void gather(std::int64_t columns);

  /// The sum over tensor ranks of a (tokens, columns) tensor in BF16, each for its own tokens.
  void scatter(std::int64_t columns);

  /// A collective among tensor ranks. `bytes`: as in CollectiveShape. Nothing for one rank.
  void among_tensor_ranks(OpKind kind, Precision precision, double bytes);

  /// The rows of all ranks that share routed experts, as the dispatch delivers them.
  void gather_rows(std::int64_t columns);

  /// The sums of what these ranks' parts of the experts made of the rows.
  void scatter_rows(std::int64_t columns);

  /// Adds the result of a block to the residual, after its dropout where the recipe has one.
  void residual(std::int64_t columns);

  /// The gradient of the block's result, where a dropout is between it and the residual's.
  void residual_gradient(std::int64_t columns);

  /// Causal BF16 attention of the shard's queries to all keys of their sequences, fused or not. Of
  /// `heads` only the heads, their sizes and the window are read; `kind` is that of the fused
  /// kernel.
  void attention(OpKind kind, AttentionShape heads);

 private:
  bool is_block_fp8() const { return recipe_.gemm == Precision::kFp8Block; }
  bool shares_tokens() const { return shard_.tensor > 1 && shard_.sequence_parallel; }
  std::int64_t rows(const Linear& linear) const;
  std::int64_t input_rows(const Linear& linear) const;
  std::int64_t gradient_rows(const Linear& linear) const;
  void cast(OpKind kind, std::int64_t rows, std::int64_t columns);
  void cast_operand(Source source, std::int64_t rows, std::int64_t columns);
  void cast_to_gather(Source source, std::int64_t columns);
  void gather_stored(std::int64_t columns, double copies);
  void transpose_weights(std::int64_t in, std::int64_t out);
  void lay_along_tokens(Source source, std::int64_t rows, std::int64_t columns);
  void lay_input_along_tokens(const Linear& linear);
  void lay_gradient_along_tokens(const Linear& linear);

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
