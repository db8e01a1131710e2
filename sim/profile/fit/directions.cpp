#include "sim/profile/fit/directions.hpp"

#include "sim/model/op_shape.hpp"

namespace towtank {

const std::vector<std::vector<Axis>>& directions_of(OpKind kind) {
  using Directions = std::vector<std::vector<Axis>>;
  static const Directions kGemm = {{Axis::kM}, {Axis::kN}, {Axis::kK}};
  static const Directions kWeightGemm = {{Axis::kM}, {Axis::kN}, {Axis::kK}, {Axis::kGroups}};
  static const Directions kGroupedGemm = {
      {Axis::kRowsPerGroup}, {Axis::kGroups}, {Axis::kN, Axis::kK}};
  static const Directions kAttention = {{Axis::kKvStreams},
                                        {Axis::kQuery},
                                        {Axis::kContextPerQuery},
                                        {Axis::kHeadsPerKvHead, Axis::kQkDim},
                                        {Axis::kKvHeads},
                                        {Axis::kCacheBytes}};
  static const Directions kDecode = {{Axis::kKvStreams},
                                     {Axis::kContext},
                                     {Axis::kHeadsPerKvHead, Axis::kQkDim, Axis::kCacheBytes},
                                     {Axis::kKvHeads},
                                     {Axis::kQuery}};
  static const Directions kLatentDecode = {
      {Axis::kBatch}, {Axis::kContext}, {Axis::kHeads, Axis::kCacheBytes}, {Axis::kQuery}};
  static const Directions kLatentPrefill = {
      {Axis::kBatch}, {Axis::kQuery}, {Axis::kContextPerQuery}, {Axis::kHeads, Axis::kCacheBytes}};
  static const Directions kSweep = {{Axis::kRows}, {Axis::kColumns}};
  static const Directions kMoe = {
      {Axis::kTokens},
      {Axis::kHidden, Axis::kIntermediatePerRank, Axis::kTopK, Axis::kExperts},
      {Axis::kExpertParallel, Axis::kSkew}};
  static const Directions kCollective = {
      {Axis::kBytes}, {Axis::kRanks}, {Axis::kNodes}, {Axis::kElementBytes}};
  static const Directions kExchange = {{Axis::kTokens},
                                       {Axis::kHidden},
                                       {Axis::kTopK, Axis::kExperts},
                                       {Axis::kRanks, Axis::kNodes},
                                       {Axis::kSms}};
  switch (kind) {
    case OpKind::kGemm:
      return kGemm;
    case OpKind::kWeightGemm:
      return kWeightGemm;
    case OpKind::kAttentionDecode:
      return kDecode;
    case OpKind::kMlaDecode:
    case OpKind::kMlaBlockDecode:
      return kLatentDecode;
    case OpKind::kMlaBlockPrefill:
      return kLatentPrefill;
    default:
      break;
  }
  switch (shape_form(kind)) {
    case ShapeForm::kGemm:
      return kGroupedGemm;
    case ShapeForm::kAttention:
      return kAttention;
    case ShapeForm::kSweep:
      return kSweep;
    case ShapeForm::kMoe:
      return kMoe;
    case ShapeForm::kCollective:
      return kCollective;
    case ShapeForm::kExchange:
      return kExchange;
  }
  return kSweep;
}

}  // namespace towtank
