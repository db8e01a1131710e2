#include "sim/model/op.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

// Element sizes. Activations rest in BF16 between kernels; block quantisation (DeepSeek-V3 report,
// section 3.3) adds one FP32 scale per 128 elements of an activation, per 128x128 of a weight.
constexpr double kBf16Bytes = 2.0;
constexpr double kFp32Bytes = 4.0;
constexpr double kFp8ActivationBytes = 1.0 + kFp32Bytes / 128.0;
constexpr double kFp8WeightBytes = 1.0 + kFp32Bytes / (128.0 * 128.0);

/// Bytes of an element stored in `precision`.
double stored_bytes(Precision precision) {
  switch (precision) {
    case Precision::kFp8Block:
      return kFp8ActivationBytes;
    case Precision::kBf16:
      return kBf16Bytes;
    case Precision::kFp32:
      return kFp32Bytes;
  }
  return 0.0;
}

/// Bytes of an element that is not quantised: what an FP8 recipe keeps in BF16.
double plain_bytes(Precision precision) {
  return precision == Precision::kFp32 ? kFp32Bytes : kBf16Bytes;
}

double weight_bytes(Precision precision) {
  return precision == Precision::kFp8Block ? kFp8WeightBytes : stored_bytes(precision);
}

const GemmShape& gemm_shape(const Op& op) {
  check(std::holds_alternative<GemmShape>(op.shape), "a GEMM has a GEMM's shape");
  return std::get<GemmShape>(op.shape);
}

const AttentionShape& attention_shape(const Op& op) {
  check(std::holds_alternative<AttentionShape>(op.shape), "attention has an attention's shape");
  return std::get<AttentionShape>(op.shape);
}

const SweepShape& sweep_shape(const Op& op) {
  check(std::holds_alternative<SweepShape>(op.shape), "a sweep has rows and columns");
  return std::get<SweepShape>(op.shape);
}

double product(std::int64_t a, std::int64_t b, std::int64_t c = 1) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

/// Which of an operation's products count as work, and over how much of the score matrix.
enum class Recomputed { kCounted, kLeftOut };
enum class ScoreMatrix { kSeen, kFull };

/// FLOP per pair of a query and a key it may see, for one head. Forward: Q K^T over qk_dim and P V
/// over v_dim. Backward: dQ and dK over qk_dim, dV and dP over v_dim, and Q K^T once more.
double attention_flop_per_pair(OpKind kind, const AttentionShape& shape, Recomputed recomputed) {
  const double qk = static_cast<double>(shape.qk_dim);
  const double v = static_cast<double>(shape.v_dim);
  if (kind == OpKind::kAttentionForward) {
    return 2.0 * (qk + v);
  }
  const double needed = 4.0 * (qk + v);
  return recomputed == Recomputed::kCounted ? needed + 2.0 * qk : needed;
}

Flops work(const Op& op, Recomputed recomputed, ScoreMatrix matrix) {
  switch (op.kind) {
    case OpKind::kGemm:
    case OpKind::kGroupedGemm:
    case OpKind::kWeightGemm: {
      const GemmShape& shape = gemm_shape(op);
      return 2.0 * product(shape.m, shape.n, shape.k) * flop;
    }
    case OpKind::kAttentionForward:
    case OpKind::kAttentionBackward: {
      const AttentionShape& shape = attention_shape(op);
      const double all_pairs = product(shape.query, shape.context);
      const double pairs =
          shape.causal && matrix == ScoreMatrix::kSeen ? all_pairs / 2.0 : all_pairs;
      return product(shape.batch, shape.heads) * pairs *
             attention_flop_per_pair(op.kind, shape, recomputed) * flop;
    }
    default:
      return {};
  }
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

double attention_bytes(const Op& op) {
  const AttentionShape& shape = attention_shape(op);
  const double sequences = product(shape.batch, shape.heads);
  const double queries = sequences * product(shape.query, shape.qk_dim);
  const double keys = sequences * product(shape.context, shape.qk_dim);
  const double values = sequences * product(shape.context, shape.v_dim);
  const double outputs = sequences * product(shape.query, shape.v_dim);
  // Forward reads Q, K, V and writes O. Backward reads them all and dO, and writes dQ, dK, dV.
  const double elements = op.kind == OpKind::kAttentionForward
                              ? queries + keys + values + outputs
                              : 2.0 * (queries + keys + values + outputs);
  return plain_bytes(op.precision) * elements;
}

/// Bytes a sweep moves per element of its (rows, columns). `plain` elements are never quantised;
/// `stored` ones are in the op's precision: FP8 with scales where the sweep feeds or follows an FP8
/// GEMM.
double sweep_bytes_per_element(OpKind kind, Precision precision) {
  const double plain = plain_bytes(precision);
  const double stored = stored_bytes(precision);
  switch (kind) {
    case OpKind::kNorm:  // x -> y
    case OpKind::kQuantize:
    case OpKind::kTransposeQuantize:
      return plain + stored;
    case OpKind::kNormBackward:  // x, dy -> dx
      return 3.0 * plain;
    case OpKind::kRope:  // x -> y
    case OpKind::kRopeBackward:
      return 2.0 * plain;
    case OpKind::kTranspose:  // weights, whose scales are too few to count
      return 2.0 * weight_bytes(precision);
    case OpKind::kSwiGlu:  // gate, up -> y; columns are y's
      return 2.0 * plain + stored;
    case OpKind::kSwiGluBackward:  // gate, up, dy -> dgate, dup; columns are y's
      return 3.0 * plain + 2.0 * stored;
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
    case OpKind::kAdd:  // x, y -> x + y
      return 3.0 * plain;
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
    case OpKind::kAdamW:
      // Rows are parameters. FP32 master weight and two BF16 moments read and written, FP32
      // gradient read, BF16 weight written, whatever the op's precision (report, section 3.3.3).
      return 2.0 * kFp32Bytes + 4.0 * kBf16Bytes + kFp32Bytes + kBf16Bytes;
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

Flops flops(const Op& op) {
  return work(op, Recomputed::kCounted, ScoreMatrix::kSeen);
}

Flops model_flops(const Op& op) {
  return work(op, Recomputed::kLeftOut, ScoreMatrix::kSeen);
}

Flops model_flops_full_attention(const Op& op) {
  return work(op, Recomputed::kLeftOut, ScoreMatrix::kFull);
}

Bytes memory_traffic(const Op& op) {
  switch (family(op.kind)) {
    case OpFamily::kGemm:
    case OpFamily::kGroupedGemm:
    case OpFamily::kWeightGemm:
      return gemm_bytes(op) * byte;
    case OpFamily::kAttention:
      return attention_bytes(op) * byte;
    case OpFamily::kMemoryBound:
      return sweep_bytes(op) * byte;
  }
  return {};
}

bool is_compute_bound_kind(OpKind kind) {
  return family(kind) != OpFamily::kMemoryBound;
}

OpFamily family(OpKind kind) {
  switch (kind) {
    case OpKind::kGemm:
      return OpFamily::kGemm;
    case OpKind::kGroupedGemm:
      return OpFamily::kGroupedGemm;
    case OpKind::kWeightGemm:
      return OpFamily::kWeightGemm;
    case OpKind::kAttentionForward:
    case OpKind::kAttentionBackward:
      return OpFamily::kAttention;
    default:
      return OpFamily::kMemoryBound;
  }
}

std::string_view name(OpKind kind) {
  switch (kind) {
    case OpKind::kGemm:
      return "gemm";
    case OpKind::kGroupedGemm:
      return "grouped-gemm";
    case OpKind::kWeightGemm:
      return "weight-gemm";
    case OpKind::kAttentionForward:
      return "attention-forward";
    case OpKind::kAttentionBackward:
      return "attention-backward";
    case OpKind::kNorm:
      return "norm";
    case OpKind::kNormBackward:
      return "norm-backward";
    case OpKind::kRope:
      return "rope";
    case OpKind::kRopeBackward:
      return "rope-backward";
    case OpKind::kSwiGlu:
      return "swiglu";
    case OpKind::kSwiGluBackward:
      return "swiglu-backward";
    case OpKind::kQuantize:
      return "quantize";
    case OpKind::kTransposeQuantize:
      return "transpose-quantize";
    case OpKind::kTranspose:
      return "transpose";
    case OpKind::kRoute:
      return "route";
    case OpKind::kRouteBackward:
      return "route-backward";
    case OpKind::kPermute:
      return "permute";
    case OpKind::kUnpermute:
      return "unpermute";
    case OpKind::kAdd:
      return "add";
    case OpKind::kEmbed:
      return "embed";
    case OpKind::kEmbedBackward:
      return "embed-backward";
    case OpKind::kCrossEntropy:
      return "cross-entropy";
    case OpKind::kCrossEntropyBackward:
      return "cross-entropy-backward";
    case OpKind::kAdamW:
      return "adamw";
  }
  return "";
}

std::string_view name(Precision precision) {
  switch (precision) {
    case Precision::kFp8Block:
      return "fp8-block";
    case Precision::kBf16:
      return "bf16";
    case Precision::kFp32:
      return "fp32";
  }
  return "";
}

std::string_view name(OpFamily family) {
  switch (family) {
    case OpFamily::kGemm:
      return "gemm";
    case OpFamily::kGroupedGemm:
      return "grouped-gemm";
    case OpFamily::kWeightGemm:
      return "weight-gemm";
    case OpFamily::kAttention:
      return "attention";
    case OpFamily::kMemoryBound:
      return "memory-bound";
  }
  return "";
}

std::string describe(const Op& op) {
  const std::string what = fmt::format("{} {}", name(op.kind), name(op.precision));
  if (const GemmShape* gemm = std::get_if<GemmShape>(&op.shape)) {
    const std::string size = fmt::format("{} {}x{}x{}", what, gemm->m, gemm->n, gemm->k);
    return gemm->groups == 1 ? size : fmt::format("{} in {} groups", size, gemm->groups);
  }
  if (const AttentionShape* attention = std::get_if<AttentionShape>(&op.shape)) {
    return fmt::format("{} {}x{} heads of {}+{}, {} {} {}",
                       what,
                       attention->batch,
                       attention->heads,
                       attention->qk_dim,
                       attention->v_dim,
                       attention->query,
                       attention->causal ? "causal in" : "on",
                       attention->context);
  }
  const SweepShape& sweep = std::get<SweepShape>(op.shape);
  return fmt::format("{} {}x{}", what, sweep.rows, sweep.columns);
}

const std::vector<OpKind>& all_op_kinds() {
  static const std::vector<OpKind> kKinds = {
      OpKind::kGemm,
      OpKind::kGroupedGemm,
      OpKind::kWeightGemm,
      OpKind::kAttentionForward,
      OpKind::kAttentionBackward,
      OpKind::kNorm,
      OpKind::kNormBackward,
      OpKind::kRope,
      OpKind::kRopeBackward,
      OpKind::kSwiGlu,
      OpKind::kSwiGluBackward,
      OpKind::kQuantize,
      OpKind::kTransposeQuantize,
      OpKind::kTranspose,
      OpKind::kRoute,
      OpKind::kRouteBackward,
      OpKind::kPermute,
      OpKind::kUnpermute,
      OpKind::kAdd,
      OpKind::kEmbed,
      OpKind::kEmbedBackward,
      OpKind::kCrossEntropy,
      OpKind::kCrossEntropyBackward,
      OpKind::kAdamW,
  };
  return kKinds;
}

}  // namespace towtank
