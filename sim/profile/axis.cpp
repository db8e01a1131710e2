#include "sim/profile/axis.hpp"

#include <array>
#include <cmath>
#include <cstdint>

#include "sim/base/error.hpp"
#include "sim/model/op_shape.hpp"

namespace towtank {
namespace {

constexpr std::array kAxes = {
    Axis::kM,
    Axis::kN,
    Axis::kK,
    Axis::kGroups,
    Axis::kRowsPerGroup,
    Axis::kBatch,
    Axis::kHeads,
    Axis::kKvHeads,
    Axis::kHeadsPerKvHead,
    Axis::kKvStreams,
    Axis::kQuery,
    Axis::kContext,
    Axis::kContextPerQuery,
    Axis::kQkDim,
    Axis::kCacheBytes,
    Axis::kRows,
    Axis::kColumns,
    Axis::kTokens,
    Axis::kHidden,
    Axis::kIntermediatePerRank,
    Axis::kTopK,
    Axis::kExperts,
    Axis::kExpertsPerRank,
    Axis::kTokensPerExpert,
    Axis::kTensorParallel,
    Axis::kExpertParallel,
    Axis::kSkew,
    Axis::kRanks,
    Axis::kNodes,
    Axis::kBytes,
    Axis::kElementBytes,
    Axis::kSms,
};

double size(std::int64_t count) {
  return static_cast<double>(count);
}

/// What is neither in the shape nor can be made from it.
double missing() {
  check(false, "an op lies on the axes of its shape only");
  return 0.0;
}

double size_along(const GemmShape& shape, Axis axis) {
  switch (axis) {
    case Axis::kM:
      return size(shape.m);
    case Axis::kN:
      return size(shape.n);
    case Axis::kK:
      return size(shape.k);
    case Axis::kGroups:
      return size(shape.groups);
    case Axis::kRowsPerGroup:
      return size(shape.m) / size(shape.groups);
    default:
      return missing();
  }
}

double size_along(const AttentionShape& shape, Axis axis) {
  switch (axis) {
    case Axis::kBatch:
      return size(shape.batch);
    case Axis::kHeads:
      return size(shape.heads);
    case Axis::kKvHeads:
      return size(kv_heads(shape));
    case Axis::kHeadsPerKvHead:
      return size(shape.heads) / size(kv_heads(shape));
    case Axis::kKvStreams:
      return size(shape.batch) * size(kv_heads(shape));
    case Axis::kQuery:
      return size(shape.query);
    case Axis::kContext:
      return size(shape.context);
    case Axis::kContextPerQuery:
      return size(shape.context) / size(shape.query);
    case Axis::kCacheBytes:
      return bytes_of_element(shape.kv_precision);
    case Axis::kQkDim:
      return size(shape.qk_dim);
    default:
      return missing();
  }
}

double size_along(const SweepShape& shape, Axis axis) {
  switch (axis) {
    case Axis::kRows:
      return size(shape.rows);
    case Axis::kColumns:
      return size(shape.columns);
    default:
      return missing();
  }
}

double size_along(const MoeShape& shape, Axis axis) {
  switch (axis) {
    case Axis::kTokens:
      return size(shape.tokens);
    case Axis::kHidden:
      return size(shape.hidden);
    case Axis::kIntermediatePerRank:
      return size(shape.intermediate) / size(shape.tensor_parallel);
    case Axis::kTopK:
      return size(shape.topk);
    case Axis::kExperts:
      return size(shape.experts);
    case Axis::kExpertsPerRank:
      return size(shape.experts) / size(shape.expert_parallel);
    case Axis::kTokensPerExpert:
      return size(shape.tokens) * size(shape.topk) / size(shape.experts);
    case Axis::kTensorParallel:
      return size(shape.tensor_parallel);
    case Axis::kExpertParallel:
      return size(shape.expert_parallel);
    default:
      return missing();
  }
}

double size_along(const CollectiveShape& shape, Axis axis) {
  switch (axis) {
    case Axis::kRanks:
      return size(shape.ranks);
    case Axis::kNodes:
      return size(shape.nodes);
    case Axis::kBytes:
      return size(shape.bytes);
    default:
      return missing();
  }
}

double size_along(const ExchangeShape& shape, Axis axis) {
  switch (axis) {
    case Axis::kRanks:
      return size(shape.ranks);
    case Axis::kNodes:
      return size(shape.nodes);
    case Axis::kTokens:
      return size(shape.tokens);
    case Axis::kHidden:
      return size(shape.hidden);
    case Axis::kTopK:
      return size(shape.topk);
    case Axis::kExperts:
      return size(shape.experts);
    case Axis::kExpertsPerRank:
      return size(shape.experts) / size(shape.ranks);
    case Axis::kTokensPerExpert:
      return size(shape.tokens) * size(shape.topk) / size(shape.experts);
    default:
      return missing();
  }
}

}  // namespace

double bytes_of_element(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return 4.0;
    case Precision::kBf16:
      return 2.0;
    case Precision::kFp8Block:
    case Precision::kFp8:
    case Precision::kInt8:
      return 1.0;
    case Precision::kFp4:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      return 0.5;
  }
  return 2.0;
}

std::string_view name(Axis axis) {
  switch (axis) {
    case Axis::kM:
      return "m";
    case Axis::kN:
      return "n";
    case Axis::kK:
      return "k";
    case Axis::kGroups:
      return "groups";
    case Axis::kRowsPerGroup:
      return "rows-per-group";
    case Axis::kBatch:
      return "batch";
    case Axis::kHeads:
      return "heads";
    case Axis::kKvHeads:
      return "kv-heads";
    case Axis::kHeadsPerKvHead:
      return "heads-per-kv-head";
    case Axis::kKvStreams:
      return "kv-streams";
    case Axis::kQuery:
      return "query";
    case Axis::kContext:
      return "context";
    case Axis::kContextPerQuery:
      return "context-per-query";
    case Axis::kQkDim:
      return "qk-dim";
    case Axis::kCacheBytes:
      return "cache-bytes";
    case Axis::kRows:
      return "rows";
    case Axis::kColumns:
      return "columns";
    case Axis::kTokens:
      return "tokens";
    case Axis::kHidden:
      return "hidden";
    case Axis::kIntermediatePerRank:
      return "intermediate-per-rank";
    case Axis::kTopK:
      return "topk";
    case Axis::kExperts:
      return "experts";
    case Axis::kExpertsPerRank:
      return "experts-per-rank";
    case Axis::kTokensPerExpert:
      return "tokens-per-expert";
    case Axis::kTensorParallel:
      return "tensor-parallel";
    case Axis::kExpertParallel:
      return "expert-parallel";
    case Axis::kSkew:
      return "skew";
    case Axis::kRanks:
      return "ranks";
    case Axis::kNodes:
      return "nodes";
    case Axis::kBytes:
      return "bytes";
    case Axis::kElementBytes:
      return "element-bytes";
    case Axis::kSms:
      return "sms";
  }
  return "";
}

std::optional<Axis> axis_named(std::string_view word) {
  for (const Axis axis : kAxes) {
    if (name(axis) == word) {
      return axis;
    }
  }
  return std::nullopt;
}

double coordinate(const Op& op, int sms, Axis axis) {
  if (axis == Axis::kSms) {
    check(sms > 0, "a kernel has at least one SM");
    return std::log2(static_cast<double>(sms));
  }
  if (axis == Axis::kElementBytes) {
    return std::log2(bytes_of_element(op.precision));
  }
  if (axis == Axis::kSkew) {
    return moe_shape(op).skew;
  }
  const double along =
      std::visit([axis](const auto& shape) { return size_along(shape, axis); }, op.shape);
  check(along > 0.0, "every size of an op is positive");
  return std::log2(along);
}

const std::vector<Axis>& axes_of(OpKind kind) {
  static const std::vector<Axis> kGemmAxes = {Axis::kM, Axis::kN, Axis::kK};
  static const std::vector<Axis> kWeightGemmAxes = {Axis::kM, Axis::kN, Axis::kK, Axis::kGroups};
  static const std::vector<Axis> kBatchedGemmAxes = {
      Axis::kGroups, Axis::kRowsPerGroup, Axis::kN, Axis::kK};
  static const std::vector<Axis> kGroupedGemmAxes = {
      Axis::kRowsPerGroup, Axis::kGroups, Axis::kN, Axis::kK};
  static const std::vector<Axis> kAttentionAxes = {
      Axis::kBatch, Axis::kHeads, Axis::kKvHeads, Axis::kQuery, Axis::kContext, Axis::kQkDim};
  static const std::vector<Axis> kDecodeAxes = {
      Axis::kBatch, Axis::kHeads, Axis::kKvHeads, Axis::kContext, Axis::kQkDim};
  static const std::vector<Axis> kLatentAxes = {Axis::kBatch, Axis::kHeads, Axis::kContext};
  static const std::vector<Axis> kBlockPrefillAxes = {
      Axis::kBatch, Axis::kHeads, Axis::kQuery, Axis::kContext};
  static const std::vector<Axis> kSweepAxes = {Axis::kRows, Axis::kColumns};
  static const std::vector<Axis> kMoeAxes = {Axis::kTokensPerExpert,
                                             Axis::kExpertsPerRank,
                                             Axis::kIntermediatePerRank,
                                             Axis::kHidden,
                                             Axis::kTopK,
                                             Axis::kSkew,
                                             Axis::kExperts,
                                             Axis::kTokens};
  static const std::vector<Axis> kCollectiveAxes = {Axis::kRanks, Axis::kNodes, Axis::kBytes};
  static const std::vector<Axis> kExchangeAxes = {
      Axis::kNodes, Axis::kTokens, Axis::kHidden, Axis::kTopK, Axis::kExperts, Axis::kSms};
  switch (kind) {
    case OpKind::kGemm:
      return kGemmAxes;
    case OpKind::kWeightGemm:
      return kWeightGemmAxes;
    case OpKind::kBatchedGemm:
      return kBatchedGemmAxes;
    case OpKind::kAttentionDecode:
      return kDecodeAxes;
    case OpKind::kMlaDecode:
    case OpKind::kMlaBlockDecode:
      return kLatentAxes;
    case OpKind::kMlaBlockPrefill:
      return kBlockPrefillAxes;
    default:
      break;
  }
  switch (shape_form(kind)) {
    case ShapeForm::kGemm:
      return kGroupedGemmAxes;
    case ShapeForm::kAttention:
      return kAttentionAxes;
    case ShapeForm::kSweep:
      return kSweepAxes;
    case ShapeForm::kMoe:
      return kMoeAxes;
    case ShapeForm::kCollective:
      return kCollectiveAxes;
    case ShapeForm::kExchange:
      return kExchangeAxes;
  }
  return kSweepAxes;
}

}  // namespace towtank
