#include "sim/model/op_writer.hpp"

#include <cmath>
#include <utility>
#include <variant>

#include "sim/base/error.hpp"
#include "sim/model/op_shape.hpp"
#include "sim/model/unfused_attention.hpp"

namespace towtank {
namespace {

bool is_empty(const Op& op) {
  if (const auto* gemm = std::get_if<GemmShape>(&op.shape)) {
    return gemm->m == 0 || gemm->n == 0 || gemm->k == 0;
  }
  if (const auto* collective = std::get_if<CollectiveShape>(&op.shape)) {
    return collective->bytes == 0;
  }
  const auto* sweep = std::get_if<SweepShape>(&op.shape);
  return sweep != nullptr && (sweep->rows == 0 || sweep->columns == 0);
}

bool is_empty(const Linear& linear) {
  return linear.in == 0 || linear.out == 0;
}

double product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

Op collective(
    OpKind kind, Precision precision, std::int64_t ranks, double bytes, CollectiveScope scope) {
  return {.kind = kind,
          .precision = precision,
          .shape = CollectiveShape{
              .ranks = ranks, .nodes = 1, .bytes = std::llround(bytes), .scope = scope}};
}

}  // namespace

std::int64_t per_rank(std::int64_t all, std::int64_t ranks) {
  return (all + ranks - 1) / ranks;
}

OpWriter::OpWriter(const TokenShard& shard, const Recipe& recipe) : shard_(shard), recipe_(recipe) {
  const Precision gemm = recipe.gemm;
  check(gemm == Precision::kBf16 || gemm == Precision::kFp8Block || gemm == Precision::kFp8 ||
            gemm == Precision::kFp4,
        "linear layers are trained in BF16, FP8 or NVFP4");
}

std::vector<Op> OpWriter::take() {
  std::erase_if(ops_, [](const Op& op) { return is_empty(op); });
  return std::move(ops_);
}

void OpWriter::sweep(OpKind kind, std::int64_t rows, std::int64_t columns) {
  ops_.push_back({.kind = kind, .precision = Precision::kBf16, .shape = SweepShape{rows, columns}});
}

void OpWriter::sweep_to_gemm(OpKind kind, std::int64_t rows, std::int64_t columns) {
  if (is_block_fp8()) {
    cast(kind, rows, columns);
  } else {
    sweep(kind, rows, columns);
  }
}

void OpWriter::norm_to_linear(std::int64_t columns) {
  if (recipe_.gemm == Precision::kFp8) {
    cast(OpKind::kNorm, shard_.own_tokens(), columns);
  } else {
    sweep(OpKind::kNorm, shard_.own_tokens(), columns);
  }
}

void OpWriter::norm_again(std::int64_t columns) {
  norm_to_linear(columns);
  if (recipe_.gemm == Precision::kFp4) {
    cast_again(shard_.own_tokens(), columns);
  }
}

void OpWriter::activation_again(OpKind kind, std::int64_t rows, std::int64_t columns) {
  sweep_to_gemm(kind, rows, columns);
  cast_again(rows, columns);
}

void OpWriter::cast_again(std::int64_t rows, std::int64_t columns) {
  if (recipe_.gemm == Precision::kFp8 || recipe_.gemm == Precision::kFp4) {
    cast(OpKind::kTransposeQuantize, rows, columns);
  }
}

void OpWriter::quantize(std::int64_t rows, std::int64_t columns) {
  if (is_block_fp8()) {
    cast(OpKind::kQuantize, rows, columns);
  }
}

void OpWriter::cast(OpKind kind, std::int64_t rows, std::int64_t columns) {
  ops_.push_back({.kind = kind, .precision = recipe_.gemm, .shape = SweepShape{rows, columns}});
}

/// Tokens that a linear layer multiplies; of its input and of its result's gradient, those that a
/// rank has before anything is gathered.
std::int64_t OpWriter::rows(const Linear& linear) const {
  return linear.split == Split::kNone ? shard_.own_tokens() : shard_.tokens;
}

std::int64_t OpWriter::input_rows(const Linear& linear) const {
  return linear.split == Split::kRows ? shard_.tokens : shard_.own_tokens();
}

std::int64_t OpWriter::gradient_rows(const Linear& linear) const {
  return linear.split == Split::kColumns ? shard_.tokens : shard_.own_tokens();
}

/// Quantises an operand that the rank multiplies as it is, for its first GEMM. With one scale per
/// 128 elements, weight gradients take a cast of their own along the tokens. The other recipes read
/// the operand once and write both copies: Transformer Engine's cast-transpose (of its FP8 recipes
/// with a scale a tensor), and NVFP4's quantisation, whose copy along the tokens passes a Hadamard
/// transform (arXiv 2509.25149).
void OpWriter::cast_operand(Source source, std::int64_t rows, std::int64_t columns) {
  switch (recipe_.gemm) {
    case Precision::kFp8Block:
      if (source == Source::kOther || source == Source::kNorm) {
        cast(OpKind::kQuantize, rows, columns);
      }
      return;
    case Precision::kFp8:
      if (source != Source::kNorm) {
        cast(OpKind::kTransposeQuantize, rows, columns);
      }
      return;
    case Precision::kFp4:
      cast(OpKind::kTransposeQuantize, rows, columns);
      return;
    case Precision::kBf16:
    case Precision::kFp32:
    case Precision::kInt8:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      return;
  }
}

/// Quantises the rank's own tokens before they are gathered: what one scale a tensor casts, is
/// transposed after the gathering.
void OpWriter::cast_to_gather(Source source, std::int64_t columns) {
  if (recipe_.gemm != Precision::kFp8) {
    cast_operand(source, shard_.own_tokens(), columns);
  } else if (source != Source::kNorm) {
    cast(OpKind::kQuantize, shard_.own_tokens(), columns);
  }
}

/// Quantised tensors are gathered as they are stored, as Transformer Engine does.
void OpWriter::gather_stored(std::int64_t columns, double copies) {
  among_tensor_ranks(OpKind::kAllGather,
                     recipe_.gemm,
                     copies * product(shard_.tokens, columns) * stored_bytes(recipe_.gemm));
}

/// Tensor cores of Hopper read both FP8 operands along the reduction, so backward needs its own
/// copy of weights. Transformer Engine keeps it for the whole step; block-scaled recipes, whose
/// weights are quantised the same way in both directions, make it anew.
void OpWriter::transpose_weights(std::int64_t in, std::int64_t out) {
  if (is_block_fp8()) {
    cast(OpKind::kTranspose, in, out);
  }
}

void OpWriter::forward(const Linear& linear) {
  if (is_empty(linear)) {
    return;
  }
  if (linear.split == Split::kColumns && shares_tokens()) {
    cast_to_gather(linear.input, linear.in);
    gather_stored(linear.in, 1.0);
  } else {
    cast_operand(linear.input, input_rows(linear), linear.in);
  }
  precise_gemm(recipe_.gemm, rows(linear), linear.in, linear.out);
  if (linear.split == Split::kRows) {
    scatter(linear.out);
  }
}

void OpWriter::input_gradient(const Linear& linear) {
  if (is_empty(linear)) {
    return;
  }
  if (linear.split == Split::kRows && shares_tokens()) {
    cast_to_gather(linear.gradient, linear.out);
    if (is_block_fp8()) {
      cast(OpKind::kTransposeQuantize, shard_.own_tokens(), linear.out);
    }
    // Scales of small blocks do not survive a transposition: both copies are gathered.
    const bool both = is_block_fp8() || recipe_.gemm == Precision::kFp4;
    gather_stored(linear.out, both ? 2.0 : 1.0);
  } else {
    cast_operand(linear.gradient, gradient_rows(linear), linear.out);
  }
  transpose_weights(linear.in, linear.out);
  precise_gemm(recipe_.gemm, rows(linear), linear.out, linear.in);
  if (linear.split == Split::kColumns) {
    scatter(linear.in);
  }
}

/// The copy for a weight gradient of an operand that the rank has whole, where its cast did not
/// make one.
void OpWriter::lay_along_tokens(Source source, std::int64_t rows, std::int64_t columns) {
  if (is_block_fp8()) {
    cast(OpKind::kTransposeQuantize, rows, columns);
  } else if (recipe_.gemm == Precision::kFp8 && source == Source::kNorm) {
    cast(OpKind::kTranspose, rows, columns);
  }
}

/// With sequence parallelism only the rank's own tokens of a gathered input are kept, and it is
/// gathered once more (arXiv 2205.05198, section 4.2.2).
void OpWriter::lay_input_along_tokens(const Linear& linear) {
  if (linear.input == Source::kDispatch) {
    quantize(input_rows(linear), linear.in);  // what was kept is cast back
  }
  if (linear.split != Split::kColumns || !shares_tokens()) {
    lay_along_tokens(linear.input, input_rows(linear), linear.in);
    return;
  }
  if (is_block_fp8()) {
    cast(OpKind::kTransposeQuantize, shard_.own_tokens(), linear.in);
  }
  gather_stored(linear.in, 1.0);
  if (recipe_.gemm != Precision::kBf16) {
    cast(OpKind::kTranspose, shard_.tokens, linear.in);
  }
}

void OpWriter::lay_gradient_along_tokens(const Linear& linear) {
  if (linear.split != Split::kRows || !shares_tokens()) {
    lay_along_tokens(linear.gradient, gradient_rows(linear), linear.out);
  } else if (recipe_.gemm != Precision::kBf16) {
    cast(OpKind::kTranspose, shard_.tokens, linear.out);
  }
}

void OpWriter::weight_gradient(const Linear& linear) {
  if (is_empty(linear)) {
    return;
  }
  lay_input_along_tokens(linear);
  lay_gradient_along_tokens(linear);
  precise_weight_gradient(recipe_.gemm, rows(linear), linear.in, linear.out);
}

void OpWriter::expert_forward(const Linear& linear) {
  transpose_weights(shard_.local_experts * linear.in, linear.out);  // for the backward pass
  cast_operand(linear.input, shard_.expert_rows, linear.in);
  ops_.push_back({.kind = OpKind::kGroupedGemm,
                  .precision = recipe_.gemm,
                  .shape = GemmShape{.m = shard_.expert_rows,
                                     .n = linear.out,
                                     .k = linear.in,
                                     .groups = shard_.local_experts}});
}

void OpWriter::expert_input_gradient(const Linear& linear) {
  cast_operand(linear.gradient, shard_.expert_rows, linear.out);
  ops_.push_back({.kind = OpKind::kGroupedGemm,
                  .precision = recipe_.gemm,
                  .shape = GemmShape{.m = shard_.expert_rows,
                                     .n = linear.in,
                                     .k = linear.out,
                                     .groups = shard_.local_experts}});
}

void OpWriter::expert_weight_gradient(const Linear& linear) {
  lay_along_tokens(linear.input, shard_.expert_rows, linear.in);
  lay_along_tokens(linear.gradient, shard_.expert_rows, linear.out);
  ops_.push_back({.kind = OpKind::kWeightGemm,
                  .precision = recipe_.gemm,
                  .shape = GemmShape{.m = linear.in,
                                     .n = linear.out,
                                     .k = shard_.expert_rows,
                                     .groups = shard_.local_experts}});
}

void OpWriter::precise_gemm(Precision precision,
                            std::int64_t rows,
                            std::int64_t in,
                            std::int64_t out) {
  ops_.push_back({.kind = OpKind::kGemm,
                  .precision = precision,
                  .shape = GemmShape{.m = rows, .n = out, .k = in}});
}

void OpWriter::precise_weight_gradient(Precision precision,
                                       std::int64_t rows,
                                       std::int64_t in,
                                       std::int64_t out) {
  ops_.push_back({.kind = OpKind::kWeightGemm,
                  .precision = precision,
                  .shape = GemmShape{.m = in, .n = out, .k = rows}});
}

void OpWriter::gather(std::int64_t columns) {
  if (shares_tokens()) {
    among_tensor_ranks(
        OpKind::kAllGather, Precision::kBf16, kBf16Bytes * product(shard_.tokens, columns));
  }
}

void OpWriter::scatter(std::int64_t columns) {
  among_tensor_ranks(shard_.sequence_parallel ? OpKind::kReduceScatter : OpKind::kAllReduce,
                     Precision::kBf16,
                     kBf16Bytes * product(shard_.tokens, columns));
}

void OpWriter::among_tensor_ranks(OpKind kind, Precision precision, double bytes) {
  if (shard_.tensor > 1) {
    ops_.push_back(collective(kind, precision, shard_.tensor, bytes, CollectiveScope::kTensor));
  }
}

void OpWriter::gather_rows(std::int64_t columns) {
  if (shard_.expert_tensor > 1) {
    const Precision sent = is_block_fp8() ? recipe_.gemm : Precision::kBf16;
    ops_.push_back(collective(OpKind::kAllGather,
                              sent,
                              shard_.expert_tensor,
                              stored_bytes(sent) * product(shard_.expert_rows, columns),
                              CollectiveScope::kExpertTensor));
  }
}

void OpWriter::scatter_rows(std::int64_t columns) {
  if (shard_.expert_tensor > 1) {
    ops_.push_back(collective(OpKind::kReduceScatter,
                              Precision::kBf16,
                              shard_.expert_tensor,
                              kBf16Bytes * product(shard_.expert_rows, columns),
                              CollectiveScope::kExpertTensor));
  }
}

void OpWriter::residual(std::int64_t columns) {
  sweep(recipe_.dropout ? OpKind::kDropoutAdd : OpKind::kAdd, shard_.own_tokens(), columns);
}

void OpWriter::residual_gradient(std::int64_t columns) {
  if (recipe_.dropout) {
    sweep(OpKind::kDropoutBackward, shard_.own_tokens(), columns);
  }
}

void OpWriter::attention(OpKind kind, AttentionShape heads) {
  heads.batch = shard_.sequences;
  heads.query = shard_.tokens / shard_.sequences;
  heads.context = shard_.context;
  heads.causal = true;
  heads.spread = heads.query < heads.context;
  heads.window = heads.window < heads.context ? heads.window : 0;  // else it hides no key
  const Op fused{.kind = kind, .precision = Precision::kBf16, .shape = heads};
  if (recipe_.fused_attention) {
    ops_.push_back(fused);
    return;
  }
  const std::vector<Op> parts = unfused_attention_ops(fused, recipe_.dropout);
  ops_.insert(ops_.end(), parts.begin(), parts.end());
}

MlpForm mlp_form(const Architecture& model) {
  if (model.gated_mlp) {
    return {};
  }
  return {.ups = 1,
          .activation = OpKind::kActivation,
          .activation_backward = OpKind::kActivationBackward};
}

}  // namespace towtank
