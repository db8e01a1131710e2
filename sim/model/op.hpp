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
  kNorm,               // RMSNorm or LayerNorm
  kNormBackward,
  kRope,  // rotary embedding, and the copies that assemble Q and K around it
  kRopeBackward,
  kSoftmax,  // of attention scores (queries of all heads, keys) with their scale and causal mask
  kSoftmaxBackward,
  kDropout,  // and a byte an element that says what was dropped
  kDropoutBackward,
  kSwiGlu,  // fused with the quantisation of its result where the precision is FP8
  kSwiGluBackward,
  kActivation,  // GELU, ReLU and their like, without a gate; cast as SwiGLU's result
  kActivationBackward,
  kQuantize,           // per-token (1x128) cast to FP8, or back
  kTransposeQuantize,  // cast and transpose for a weight-gradient GEMM (128x1); where the cast is
                       // kFp8 or kFp4, it writes the copy that is not transposed, too
  kTranspose,          // FP8 weights (rows, columns) transposed for an input-gradient GEMM, or FP8
                       // activations for a weight gradient
  kRoute,              // scores to expert choice and the dispatch layout: many small kernels
  kRouteBackward,
  kPermute,     // tokens to expert order
  kUnpermute,   // expert order to tokens, weighted sum
  kAdd,         // residual and gradient additions
  kDropoutAdd,  // dropout of a block's result and its addition to the residual, in one kernel
  kEmbed,
  kEmbedBackward,
  kCrossEntropy,  // logits to loss
  kCrossEntropyBackward,
  kParallelCrossEntropy,  // the same over a part of the vocabulary, unfused, as Megatron-Core does
  kFusedCrossEntropy,     // logits to loss and, in their place, their gradient
  kAdamW,                 // precision: of the moments, BF16 unless FP32
  kCopy,
  kBatchedGemm,        // `groups` products side by side, each with a B of its own
  kMaskedGroupedGemm,  // grouped, every group padded to one fixed height, as decoding under CUDA
                       // graphs needs; m counts the rows that are real
  kAttentionDecode,    // few queries a sequence against its cached keys and values
  kMlaDecode,          // the same with MLA's projections absorbed: all heads read one latent vector
                       // per token, which is key and value at once
  kMlaBlockPrefill,    // a whole MLA block with its projections, as serving libraries time it
  kMlaBlockDecode,
  kMoeLayer,  // a whole expert layer: permutation, both grouped GEMMs, activation, weighted sum
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  kSendRecv,
  kBroadcast,
  kExpertDispatch,  // tokens to the ranks of their experts, by kernels made for throughput
  kExpertCombine,   // and back, summed
  kExpertDispatchLowLatency,  // the same by kernels made for decoding's few tokens
  kExpertCombineLowLatency,
};

/// How operands are stored, by what multiplies them. kFp8: E4M3, one scale a tensor (or row);
/// kFp8Block: one scale per 1x128 of activations and 128x128 of weights; kFp4: NVFP4, one scale per
/// 16; the -Weights kinds quantise weights only and multiply in BF16.
enum class Precision { kFp8Block, kBf16, kFp32, kFp8, kFp4, kInt8, kInt4Weights, kFp4Weights };

/// Rows of all groups `m`, columns `n`, reduction `k`. `groups` > 1 for experts: a grouped GEMM
/// splits m over the groups, a grouped weight gradient splits k. Either way the work is 2 m n k.
struct GemmShape {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t groups = 1;

  friend bool operator==(const GemmShape&, const GemmShape&) = default;
};

/// `query` rows against `context` keys per sequence. Causal: a query sees the keys up to its own,
/// which is half of them on average when the whole sequence is asked (exactly (context + 1) / 2,
/// counted as context / 2, as published FLOP figures do). Fewer queries than keys are the last of
/// the sequence, as after a cached prefix, unless they are `spread`. Decoding kinds count every key
/// for every query, whatever `causal` says. A window is counted exactly.
struct AttentionShape {
  std::int64_t batch = 1;
  std::int64_t heads = 0;
  std::int64_t query = 0;
  std::int64_t context = 0;
  std::int64_t qk_dim = 0;
  std::int64_t v_dim = 0;
  bool causal = true;
  std::int64_t kv_heads = 0;  // heads of keys and values; 0: as many as `heads` (MHA)
  std::int64_t window = 0;    // keys a query sees at most; 0: all
  Precision kv_precision = Precision::kBf16;  // of the cache
  bool spread = false;  // queries lie evenly over the sequence, as context parallelism deals them

  friend bool operator==(const AttentionShape&, const AttentionShape&) = default;
};

/// A memory-bound sweep over a (rows, columns) tensor.
struct SweepShape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  friend bool operator==(const SweepShape&, const SweepShape&) = default;
};

/// An expert layer as one rank of tensor_parallel x expert_parallel ranks runs it.
struct MoeShape {
  std::int64_t tokens = 0;  // before they are copied to their experts; of all ranks together
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;  // of one expert, over all tensor-parallel ranks
  std::int64_t topk = 0;
  std::int64_t experts = 0;  // of all ranks together
  std::int64_t tensor_parallel = 1;
  std::int64_t expert_parallel = 1;
  double skew = 0.0;  // exponent of the power law of the experts' loads; 0: balanced
  bool gated = true;  // SwiGLU: two up projections; otherwise one

  friend bool operator==(const MoeShape&, const MoeShape&) = default;
};

/// Among whom a layer's collective is.
enum class CollectiveScope { kAny, kTensor, kExpertTensor };

/// A collective of `ranks` GPUs, evenly on `nodes`. `bytes` is nccl-tests' size: the larger of what
/// a rank sends and receives (all-reduce: the tensor; all-gather: the gathered whole). Those that
/// layers are made of say among whom they are; where these sit is the plan's matter.
struct CollectiveShape {
  std::int64_t ranks = 0;
  std::int64_t nodes = 1;
  std::int64_t bytes = 0;
  CollectiveScope scope = CollectiveScope::kAny;

  friend bool operator==(const CollectiveShape&, const CollectiveShape&) = default;
};

/// Expert-parallel dispatch or combine; `tokens` are those of one rank.
struct ExchangeShape {
  std::int64_t ranks = 0;
  std::int64_t nodes = 1;
  std::int64_t tokens = 0;
  std::int64_t hidden = 0;
  std::int64_t topk = 0;
  std::int64_t experts = 0;

  friend bool operator==(const ExchangeShape&, const ExchangeShape&) = default;
};

using OpShape =
    std::variant<GemmShape, AttentionShape, SweepShape, MoeShape, CollectiveShape, ExchangeShape>;

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
/// that input and weight gradients together are exactly twice the forward pass. Of GEMMs all of
/// their products: attention that is not fused multiplies whole score matrices, and its GEMMs
/// cannot tell what of them the mask hides.
Flops model_flops(const Op& op);

/// The same with the full score matrix for attention (the "non-causal" convention).
Flops model_flops_full_attention(const Op& op);

/// Compulsory memory traffic: operands and results once each, scales of block quantisation
/// included. Zero for collectives, whose time is on the links.
Bytes memory_traffic(const Op& op);

/// Bytes a rank must send over its links; zero for everything but collectives and the expert
/// exchange. What network_traffic() counts is among them.
Bytes link_traffic(const Op& op);

/// Bytes that must leave the node, for each of its ranks, when all of its network cards share the
/// load; zero on one node.
Bytes network_traffic(const Op& op);

/// Which alternative of OpShape ops of a kind have.
enum class ShapeForm { kGemm, kAttention, kSweep, kMoe, kCollective, kExchange };
ShapeForm shape_form(OpKind kind);

/// True for kinds that run on tensor cores and so scale with the SMs they are given.
bool is_compute_bound_kind(OpKind kind);

/// Whether `op` is a collective that stands among a layer's operations: among its tensor ranks or
/// expert-tensor ranks.
bool is_layer_collective(const Op& op);

/// Families share a cause of error: their errors are correlated and are never averaged away.
enum class OpFamily {
  kGemm,
  kGroupedGemm,
  kWeightGemm,
  kAttention,
  kMemoryBound,
  kDecodeAttention,
  kMoe,
  kCollective,
};
OpFamily family(OpKind kind);

/// The name used in profiles and reports: "gemm", "weight-gemm", "attention-forward", ...
std::string_view name(OpKind kind);
std::string_view name(Precision precision);
std::string_view name(OpFamily family);

/// "gemm fp8-block 4096x7168x16384", for tables and messages.
std::string describe(const Op& op);

/// Every kind and every precision, in the order of the enumeration.
const std::vector<OpKind>& all_op_kinds();
const std::vector<Precision>& all_precisions();

}  // namespace towtank
