// How kinds are ordered, grouped and shaped.
#include "sim/model/op.hpp"

namespace towtank {

OpFamily family(OpKind kind) {
  switch (kind) {
    case OpKind::kGemm:
    case OpKind::kBatchedGemm:
      return OpFamily::kGemm;
    case OpKind::kGroupedGemm:
    case OpKind::kMaskedGroupedGemm:
      return OpFamily::kGroupedGemm;
    case OpKind::kWeightGemm:
      return OpFamily::kWeightGemm;
    case OpKind::kAttentionForward:
    case OpKind::kAttentionBackward:
    case OpKind::kMlaBlockPrefill:
      return OpFamily::kAttention;
    case OpKind::kAttentionDecode:
    case OpKind::kMlaDecode:
    case OpKind::kMlaBlockDecode:
      return OpFamily::kDecodeAttention;
    case OpKind::kMoeLayer:
      return OpFamily::kMoe;
    case OpKind::kAllReduce:
    case OpKind::kAllGather:
    case OpKind::kReduceScatter:
    case OpKind::kAllToAll:
    case OpKind::kSendRecv:
    case OpKind::kBroadcast:
    case OpKind::kExpertDispatch:
    case OpKind::kExpertCombine:
    case OpKind::kExpertDispatchLowLatency:
    case OpKind::kExpertCombineLowLatency:
      return OpFamily::kCollective;
    case OpKind::kNorm:
    case OpKind::kNormBackward:
    case OpKind::kRope:
    case OpKind::kRopeBackward:
    case OpKind::kSoftmax:
    case OpKind::kSoftmaxBackward:
    case OpKind::kDropout:
    case OpKind::kDropoutBackward:
    case OpKind::kSwiGlu:
    case OpKind::kSwiGluBackward:
    case OpKind::kActivation:
    case OpKind::kActivationBackward:
    case OpKind::kQuantize:
    case OpKind::kTransposeQuantize:
    case OpKind::kTranspose:
    case OpKind::kRoute:
    case OpKind::kRouteBackward:
    case OpKind::kPermute:
    case OpKind::kUnpermute:
    case OpKind::kAdd:
    case OpKind::kDropoutAdd:
    case OpKind::kEmbed:
    case OpKind::kEmbedBackward:
    case OpKind::kCrossEntropy:
    case OpKind::kCrossEntropyBackward:
    case OpKind::kParallelCrossEntropy:
    case OpKind::kFusedCrossEntropy:
    case OpKind::kAdamW:
    case OpKind::kCopy:
      return OpFamily::kMemoryBound;
  }
  return OpFamily::kMemoryBound;
}

ShapeForm shape_form(OpKind kind) {
  switch (family(kind)) {
    case OpFamily::kGemm:
    case OpFamily::kGroupedGemm:
    case OpFamily::kWeightGemm:
      return ShapeForm::kGemm;
    case OpFamily::kAttention:
    case OpFamily::kDecodeAttention:
      return ShapeForm::kAttention;
    case OpFamily::kMemoryBound:
      return ShapeForm::kSweep;
    case OpFamily::kMoe:
      return ShapeForm::kMoe;
    case OpFamily::kCollective:
      return kind < OpKind::kExpertDispatch ? ShapeForm::kCollective : ShapeForm::kExchange;
  }
  return ShapeForm::kSweep;
}

bool is_compute_bound_kind(OpKind kind) {
  const OpFamily of_kind = family(kind);
  return of_kind != OpFamily::kMemoryBound && of_kind != OpFamily::kCollective;
}

bool is_layer_collective(const Op& op) {
  const auto* shape = std::get_if<CollectiveShape>(&op.shape);
  return shape != nullptr && shape->scope != CollectiveScope::kAny;
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
      OpKind::kSoftmax,
      OpKind::kSoftmaxBackward,
      OpKind::kDropout,
      OpKind::kDropoutBackward,
      OpKind::kSwiGlu,
      OpKind::kSwiGluBackward,
      OpKind::kActivation,
      OpKind::kActivationBackward,
      OpKind::kQuantize,
      OpKind::kTransposeQuantize,
      OpKind::kTranspose,
      OpKind::kRoute,
      OpKind::kRouteBackward,
      OpKind::kPermute,
      OpKind::kUnpermute,
      OpKind::kAdd,
      OpKind::kDropoutAdd,
      OpKind::kEmbed,
      OpKind::kEmbedBackward,
      OpKind::kCrossEntropy,
      OpKind::kCrossEntropyBackward,
      OpKind::kParallelCrossEntropy,
      OpKind::kFusedCrossEntropy,
      OpKind::kAdamW,
      OpKind::kCopy,
      OpKind::kBatchedGemm,
      OpKind::kMaskedGroupedGemm,
      OpKind::kAttentionDecode,
      OpKind::kMlaDecode,
      OpKind::kMlaBlockPrefill,
      OpKind::kMlaBlockDecode,
      OpKind::kMoeLayer,
      OpKind::kAllReduce,
      OpKind::kAllGather,
      OpKind::kReduceScatter,
      OpKind::kAllToAll,
      OpKind::kSendRecv,
      OpKind::kBroadcast,
      OpKind::kExpertDispatch,
      OpKind::kExpertCombine,
      OpKind::kExpertDispatchLowLatency,
      OpKind::kExpertCombineLowLatency,
  };
  return kKinds;
}

const std::vector<Precision>& all_precisions() {
  static const std::vector<Precision> kPrecisions = {
      Precision::kFp8Block,
      Precision::kBf16,
      Precision::kFp32,
      Precision::kFp8,
      Precision::kFp4,
      Precision::kInt8,
      Precision::kInt4Weights,
      Precision::kFp4Weights,
  };
  return kPrecisions;
}

}  // namespace towtank
