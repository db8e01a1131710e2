// One kernel-sized operation: what is computed, on which shape, in which precision. No hardware.
//
// FLOP count a multiply and an add as two. Bytes are the compulsory traffic: every operand read
// once, every result written once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

enum class OpKind {
  kGemm,         // C (m, n) = A (m, k) * B (k, n), forward or input gradient
  kGroupedGemm,  // one GEMM per expert; m counts the rows of all groups together
  kWeightGemm,   // weight gradient: (m, n) += A^T * B over k tokens, FP32 accumulator in memory;
                 // grouped: one (m, n) per group, k counts the tokens of all groups together
  kAttentionForward,   // softmax(Q K^T) V, fused
  kAttentionBackward,  // dQ, dK, dV, fused, with its preparation and dQ conversion
  kNorm,               // RMSNorm
  kNormBackward,
  kRope,  // rotary embedding, and the copies that assemble Q and K around it
  kRopeBackward,
  kSwiGlu,  // fused with the quantisation of its result where the precision is FP8
  kSwiGluBackward,
  kQuantize,           // per-token (1x128) cast to FP8, or back
  kTransposeQuantize,  // cast and transpose for a weight-gradient GEMM (128x1)
  kTranspose,          // FP8 weights (rows, columns) transposed for an input-gradient GEMM
  kRoute,              // scores to expert choice and the dispatch layout: many small kernels
  kRouteBackward,
  kPermute,    // tokens to expert order
  kUnpermute,  // expert order to tokens, weighted sum
  kAdd,        // residual and gradient additions
  kEmbed,
  kEmbedBackward,
  kCrossEntropy,  // logits to loss
  kCrossEntropyBackward,
  kAdamW,
};

enum class Precision { kFp8Block, kBf16, kFp32 };

/// Rows of all groups `m`, columns `n`, reduction `k`. `groups` > 1 for experts: a grouped GEMM
/// splits m over the groups, a grouped weight gradient splits k. Either way the work is 2 m n k.
struct GemmShape {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t groups = 1;

  friend bool operator==(const GemmShape&, const GemmShape&) = default;
};

/// `query` rows against `context` keys per sequence; causal means each query sees half of the keys
/// on average (exactly (context + 1) / 2, counted as context / 2, as published FLOP figures do).
struct AttentionShape {
  std::int64_t batch = 1;
  std::int64_t heads = 0;
  std::int64_t query = 0;
  std::int64_t context = 0;
  std::int64_t qk_dim = 0;
  std::int64_t v_dim = 0;
  bool causal = true;

  friend bool operator==(const AttentionShape&, const AttentionShape&) = default;
};

/// A memory-bound sweep over a (rows, columns) tensor.
struct SweepShape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  friend bool operator==(const SweepShape&, const SweepShape&) = default;
};

using OpShape = std::variant<GemmShape, AttentionShape, SweepShape>;

struct Op {
  OpKind kind = OpKind::kGemm;
  Precision precision = Precision::kBf16;
  OpShape shape;

  friend bool operator==(const Op&, const Op&) = default;
};

/// Work the kernel does, in floating-point operations; causal attention counts half of the score
/// matrix. Zero for memory-bound sweeps, whose arithmetic never shows.
Flops flops(const Op& op);

/// Work the model needs: like flops(), but the backward attention without its recomputed scores, so
/// that input and weight gradients together are exactly twice the forward pass.
Flops model_flops(const Op& op);

/// The same with the full score matrix for attention (the "non-causal" convention).
Flops model_flops_full_attention(const Op& op);

/// Compulsory memory traffic: operands and results once each, scales of block quantisation
/// included.
Bytes memory_traffic(const Op& op);

/// True for kinds that run on tensor cores and so scale with the SMs they are given.
bool is_compute_bound_kind(OpKind kind);

/// Families share a cause of error: their errors are correlated and are never averaged away.
enum class OpFamily { kGemm, kGroupedGemm, kWeightGemm, kAttention, kMemoryBound };
OpFamily family(OpKind kind);

/// The name used in profiles and reports: "gemm", "weight-gemm", "attention-forward", ...
std::string_view name(OpKind kind);
std::string_view name(Precision precision);
std::string_view name(OpFamily family);

/// "gemm fp8-block 4096x7168x16384", for tables and messages.
std::string describe(const Op& op);

/// Every kind, in the order of the enumeration.
const std::vector<OpKind>& all_op_kinds();

}  // namespace towtank
