// What kinds, precisions and families are called, and how an op is described.
#include <fmt/format.h>

#include "sim/model/op.hpp"

namespace towtank {
namespace {

std::string describe_attention(const AttentionShape& shape) {
  std::string text =
      fmt::format("{}x{} heads of {}+{}, {} {} {}",
                  shape.batch,
                  shape.heads,
                  shape.qk_dim,
                  shape.v_dim,
                  shape.query,
                  shape.causal ? (shape.spread ? "causal, spread over" : "causal in") : "on",
                  shape.context);
  if (shape.kv_heads != 0 && shape.kv_heads != shape.heads) {
    text += fmt::format(", {} kv heads", shape.kv_heads);
  }
  if (shape.window != 0) {
    text += fmt::format(", window {}", shape.window);
  }
  if (shape.kv_precision != Precision::kBf16) {
    text += fmt::format(", {} cache", name(shape.kv_precision));
  }
  return text;
}

std::string describe_moe(const MoeShape& shape) {
  std::string text = fmt::format("{} tokens of {}, top {} of {} experts of {}, tp{} ep{}",
                                 shape.tokens,
                                 shape.hidden,
                                 shape.topk,
                                 shape.experts,
                                 shape.intermediate,
                                 shape.tensor_parallel,
                                 shape.expert_parallel);
  if (shape.skew != 0.0) {
    text += fmt::format(", skew {}", shape.skew);
  }
  return shape.gated ? text : text + ", ungated";
}

std::string describe_ranks(std::int64_t ranks, std::int64_t nodes) {
  return nodes == 1 ? fmt::format("{} ranks", ranks)
                    : fmt::format("{} ranks on {} nodes", ranks, nodes);
}

std::string describe_shape(const OpShape& shape) {
  if (const GemmShape* gemm = std::get_if<GemmShape>(&shape)) {
    const std::string size = fmt::format("{}x{}x{}", gemm->m, gemm->n, gemm->k);
    return gemm->groups == 1 ? size : fmt::format("{} in {} groups", size, gemm->groups);
  }
  if (const AttentionShape* attention = std::get_if<AttentionShape>(&shape)) {
    return describe_attention(*attention);
  }
  if (const MoeShape* moe = std::get_if<MoeShape>(&shape)) {
    return describe_moe(*moe);
  }
  if (const CollectiveShape* collective = std::get_if<CollectiveShape>(&shape)) {
    return fmt::format(
        "{} bytes, {}", collective->bytes, describe_ranks(collective->ranks, collective->nodes));
  }
  if (const ExchangeShape* exchange = std::get_if<ExchangeShape>(&shape)) {
    return fmt::format("{} tokens of {}, top {} of {} experts, {}",
                       exchange->tokens,
                       exchange->hidden,
                       exchange->topk,
                       exchange->experts,
                       describe_ranks(exchange->ranks, exchange->nodes));
  }
  const SweepShape& sweep = std::get<SweepShape>(shape);
  return fmt::format("{}x{}", sweep.rows, sweep.columns);
}

}  // namespace

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
    case OpKind::kSoftmax:
      return "softmax";
    case OpKind::kSoftmaxBackward:
      return "softmax-backward";
    case OpKind::kDropout:
      return "dropout";
    case OpKind::kDropoutBackward:
      return "dropout-backward";
    case OpKind::kSwiGlu:
      return "swiglu";
    case OpKind::kSwiGluBackward:
      return "swiglu-backward";
    case OpKind::kActivation:
      return "activation";
    case OpKind::kActivationBackward:
      return "activation-backward";
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
    case OpKind::kDropoutAdd:
      return "dropout-add";
    case OpKind::kEmbed:
      return "embed";
    case OpKind::kEmbedBackward:
      return "embed-backward";
    case OpKind::kCrossEntropy:
      return "cross-entropy";
    case OpKind::kCrossEntropyBackward:
      return "cross-entropy-backward";
    case OpKind::kParallelCrossEntropy:
      return "parallel-cross-entropy";
    case OpKind::kFusedCrossEntropy:
      return "fused-cross-entropy";
    case OpKind::kAdamW:
      return "adamw";
    case OpKind::kCopy:
      return "copy";
    case OpKind::kBatchedGemm:
      return "batched-gemm";
    case OpKind::kMaskedGroupedGemm:
      return "masked-grouped-gemm";
    case OpKind::kAttentionDecode:
      return "attention-decode";
    case OpKind::kMlaDecode:
      return "mla-decode";
    case OpKind::kMlaBlockPrefill:
      return "mla-block-prefill";
    case OpKind::kMlaBlockDecode:
      return "mla-block-decode";
    case OpKind::kMoeLayer:
      return "moe";
    case OpKind::kAllReduce:
      return "all-reduce";
    case OpKind::kAllGather:
      return "all-gather";
    case OpKind::kReduceScatter:
      return "reduce-scatter";
    case OpKind::kAllToAll:
      return "all-to-all";
    case OpKind::kSendRecv:
      return "send-recv";
    case OpKind::kBroadcast:
      return "broadcast";
    case OpKind::kExpertDispatch:
      return "ep-dispatch";
    case OpKind::kExpertCombine:
      return "ep-combine";
    case OpKind::kExpertDispatchLowLatency:
      return "ep-dispatch-low-latency";
    case OpKind::kExpertCombineLowLatency:
      return "ep-combine-low-latency";
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
    case Precision::kFp8:
      return "fp8";
    case Precision::kFp4:
      return "fp4";
    case Precision::kInt8:
      return "int8";
    case Precision::kInt4Weights:
      return "int4-weights";
    case Precision::kFp4Weights:
      return "fp4-weights";
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
    case OpFamily::kDecodeAttention:
      return "decode-attention";
    case OpFamily::kMoe:
      return "moe";
    case OpFamily::kCollective:
      return "collective";
  }
  return "";
}

std::string describe(const Op& op) {
  return fmt::format("{} {} {}", name(op.kind), name(op.precision), describe_shape(op.shape));
}

}  // namespace towtank
