// Compulsory memory traffic of an op.
#include <algorithm>
#include <cmath>

#include "sim/base/error.hpp"
#include "sim/model/op.hpp"
#include "sim/model/op_shape.hpp"

namespace towtank {
namespace {

double product(std::int64_t a, std::int64_t b, std::int64_t c = 1) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

double gemm_bytes(const Op& op) {
  const GemmShape& shape = gemm_shape(op);
  const double a = product(shape.m, shape.k);
  const double b = product(shape.k, shape.n);
  const double c = product(shape.m, shape.n);
  if (op.kind == OpKind::kWeightGemm) {
    // Both operands are activations; every group adds to an FP32 result of its own.
    return stored_bytes(op.precision) * (a + b) +
           2.0 * kFp32Bytes * c * static_cast<double>(shape.groups);
  }
  return stored_bytes(op.precision) * a +
         weight_bytes(op.precision) * b * static_cast<double>(shape.groups) +
         plain_bytes(op.precision) * c;
}

/// Bytes of an element that attention multiplies. Block-quantised recipes keep it in BF16.
double attention_input_bytes(Precision precision) {
  return precision == Precision::kFp8 ? stored_bytes(precision) : plain_bytes(precision);
}

/// Keys of a sequence that the window of at least one query covers.
std::int64_t keys_in_reach(const AttentionShape& shape) {
  return shape.window == 0 ? shape.context
                           : std::min(shape.context, shape.query + shape.window - 1);
}

double attention_bytes(const Op& op) {
  const AttentionShape& shape = attention_shape(op);
  const double sequences = product(shape.batch, shape.heads);
  const double cached = product(shape.batch, kv_heads(shape), keys_in_reach(shape));
  const double queries = sequences * product(shape.query, shape.qk_dim);
  const double keys = cached * static_cast<double>(shape.qk_dim);
  const double values = cached * static_cast<double>(shape.v_dim);
  const double outputs = sequences * product(shape.query, shape.v_dim);
  const double bytes = attention_input_bytes(op.precision) * (queries + keys + values) +
                       plain_bytes(op.precision) * outputs;
  // Forward reads Q, K, V and writes O. Backward reads them all and dO, and writes dQ, dK, dV.
  return op.kind == OpKind::kAttentionForward ? bytes : 2.0 * bytes;
}

/// The cache is read in its own precision, queries and outputs are activations. MLA's latent vector
/// is key and value at once.
double decode_bytes(const Op& op) {
  const AttentionShape& shape = attention_shape(op);
  const double rows = product(shape.batch, shape.heads, shape.query);
  const double activations = rows * static_cast<double>(shape.qk_dim + shape.v_dim);
  const bool latent = op.kind == OpKind::kMlaDecode;
  const double cached = product(shape.batch, latent ? 1 : kv_heads(shape), keys_in_reach(shape)) *
                        static_cast<double>(latent ? shape.qk_dim : shape.qk_dim + shape.v_dim);
  return plain_bytes(op.precision) * activations + stored_bytes(shape.kv_precision) * cached;
}

/// Weights, activations in and out, and the latent cache of the context once. What passes between
/// the block's kernels may stay in the cache of the GPU and is left out.
double mla_block_bytes(const Op& op) {
  const AttentionShape& shape = attention_shape(op);
  const MlaBlock block;
  const double heads = static_cast<double>(shape.heads);
  const double weights = mla_token_weights(block, heads) + mla_key_value_weights(block, heads);
  const double activations = 2.0 * product(shape.batch, shape.query) * block.hidden;
  const double cached = product(shape.batch, shape.context) * mla_latent_elements(block);
  return weight_bytes(op.precision) * weights + plain_bytes(op.precision) * activations +
         stored_bytes(shape.kv_precision) * cached;
}

/// Experts of a rank that get at least one row, on average, when every token chooses topk of all
/// experts at random. Never more than there are rows.
double active_experts(const MoeShape& shape) {
  const double experts = static_cast<double>(shape.experts);
  const double here = experts / static_cast<double>(shape.expert_parallel);
  const double left_out = std::max(0.0, 1.0 - static_cast<double>(shape.topk) / experts);
  return here * (1.0 - std::pow(left_out, static_cast<double>(shape.tokens)));
}

/// What the two grouped GEMMs read and write. Permutation and weighted sum are fused with them in
/// the best of libraries, and so is the activation.
double moe_bytes(const Op& op) {
  const MoeShape& shape = moe_shape(op);
  const double rows = rows_per_rank(shape);
  const double hidden = static_cast<double>(shape.hidden);
  const double inner =
      static_cast<double>(shape.intermediate) / static_cast<double>(shape.tensor_parallel);
  const double up = shape.gated ? 2.0 * inner : inner;
  const double weights = active_experts(shape) * hidden * (up + inner);
  return weight_bytes(op.precision) * weights +
         stored_bytes(op.precision) * rows * (hidden + inner) +
         plain_bytes(op.precision) * rows * (up + hidden);
}

/// A cast for the tokens-innermost operand of a weight gradient. With a scale per 128 elements it
/// writes that copy alone. Transformer Engine's kernel for one scale a tensor writes both copies,
/// and so does NVFP4's, after a pass over the input that finds the largest elements of both.
double cast_transpose_bytes(Precision precision) {
  const double plain = plain_bytes(precision);
  const double stored = stored_bytes(precision);
  switch (precision) {
    case Precision::kFp8:
      return plain + 2.0 * stored;
    case Precision::kFp4:
      return 2.0 * plain + 2.0 * stored;
    case Precision::kFp8Block:
    case Precision::kBf16:
    case Precision::kFp32:
    case Precision::kInt8:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      return plain + stored;
  }
  return plain + stored;
}

/// PyTorch keeps what a dropout left as a byte an element.
constexpr double kMaskBytes = 1.0;

/// Bytes a sweep moves per element of its (rows, columns). `plain` elements are never quantised;
/// `stored` ones are in the op's precision: FP8 with scales where the sweep feeds or follows an FP8
/// GEMM.
double sweep_bytes_per_element(OpKind kind, Precision precision) {
  const double plain = plain_bytes(precision);
  const double stored = stored_bytes(precision);
  switch (kind) {
    case OpKind::kNorm:  // x -> y
    case OpKind::kQuantize:
      return plain + stored;
    case OpKind::kTransposeQuantize:
      return cast_transpose_bytes(precision);
    case OpKind::kNormBackward:  // x, dy -> dx
      return 3.0 * plain;
    case OpKind::kRope:  // x -> y
    case OpKind::kRopeBackward:
      return 2.0 * plain;
    // Below the diagonal, half of the elements, is what causal softmax reads; it writes zeros above
    // it, too (Megatron-LM's scaled_upper_triang_masked_softmax).
    case OpKind::kSoftmax:  // scores -> probabilities
      return 0.5 * plain + plain;
    case OpKind::kSoftmaxBackward:  // probabilities, their gradient -> that of the scores
      return 0.5 * (2.0 * plain) + plain;
    case OpKind::kDropout:          // x -> y, mask
    case OpKind::kDropoutBackward:  // dy, mask -> dx
      return 2.0 * plain + kMaskBytes;
    case OpKind::kTranspose:  // weights, whose scales are too few to count
      return 2.0 * weight_bytes(precision);
    case OpKind::kSwiGlu:  // gate, up -> y; columns are y's
      return 2.0 * plain + stored;
    case OpKind::kSwiGluBackward:  // gate, up, dy -> dgate, dup; columns are y's
      return 3.0 * plain + 2.0 * stored;
    case OpKind::kActivation:  // x -> y
      return plain + stored;
    case OpKind::kActivationBackward:  // x, dy -> dx
      return 2.0 * plain + stored;
    case OpKind::kRoute:  // FP32 scores read; what is written is some numbers a token
      return kFp32Bytes;
    case OpKind::kRouteBackward:  // scores -> FP32 score gradients
      return 2.0 * kFp32Bytes;
    case OpKind::kPermute:  // rows are those of the experts, read and written once each
      return 2.0 * stored;
    case OpKind::kUnpermute:
      // Rows are those of the experts, read once. One row is written per token; how many of a
      // token's experts are here is not in the shape, so the write is left out.
      return stored;
    case OpKind::kCopy:
      return 2.0 * stored;
    case OpKind::kAdd:  // x, y -> x + y
      return 3.0 * plain;
    case OpKind::kDropoutAdd:  // x, y -> x + what is left of y, mask
      return 3.0 * plain + kMaskBytes;
    case OpKind::kEmbed:  // table row -> activation
      return 2.0 * plain;
    case OpKind::kEmbedBackward:  // dy added to a row of the FP32 table gradient
      return plain + 2.0 * kFp32Bytes;
    // The loss is taken in FP32, one pass a kernel, as frameworks without a fused loss run it: cast
    // (2 + 4 B), log-softmax (4 + 4 B); backward its gradient (4 + 4 B) and the cast back (4 + 2
    // B).
    case OpKind::kCrossEntropy:
    case OpKind::kCrossEntropyBackward:
      return plain + 3.0 * kFp32Bytes;
    // Megatron-Core's unfused loss of a part of the vocabulary, a pass a kernel: cast (2 + 4 B),
    // maximum (4 B), its subtraction (4 + 4 B), exponential (4 + 4 B), sum (4 B), division
    // (4 + 4 B). Backward is as above: times the loss's gradient (4 + 4 B), cast back (4 + 2 B).
    case OpKind::kParallelCrossEntropy:
      return plain + 9.0 * kFp32Bytes;
    case OpKind::kFusedCrossEntropy:  // statistics read the logits; then gradients replace them
      return 3.0 * plain;
    case OpKind::kAdamW:
      // Rows are parameters. FP32 master weight and two moments read and written, FP32 gradient
      // read, BF16 weight written. Moments are BF16 (report, section 3.3.3) unless FP32.
      return 2.0 * kFp32Bytes + 4.0 * plain + kFp32Bytes + kBf16Bytes;
    default:
      check(false, "every kind that is neither GEMM nor attention is a sweep");
      return 0.0;
  }
}

double sweep_bytes(const Op& op) {
  const SweepShape& shape = sweep_shape(op);
  return product(shape.rows, shape.columns) * sweep_bytes_per_element(op.kind, op.precision);
}

}  // namespace

Bytes memory_traffic(const Op& op) {
  switch (op.kind) {
    case OpKind::kAttentionDecode:
    case OpKind::kMlaDecode:
      return decode_bytes(op) * byte;
    case OpKind::kMlaBlockPrefill:
    case OpKind::kMlaBlockDecode:
      return mla_block_bytes(op) * byte;
    default:
      break;
  }
  switch (shape_form(op.kind)) {
    case ShapeForm::kGemm:
      return gemm_bytes(op) * byte;
    case ShapeForm::kAttention:
      return attention_bytes(op) * byte;
    case ShapeForm::kSweep:
      return sweep_bytes(op) * byte;
    case ShapeForm::kMoe:
      return moe_bytes(op) * byte;
    case ShapeForm::kCollective:
    case ShapeForm::kExchange:
      return {};
  }
  return {};
}

}  // namespace towtank
