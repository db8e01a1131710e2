// The sizes of an op on which its speed depends, one axis each.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "sim/model/op.hpp"

namespace towtank {

/// A size, counted in doublings (log2) unless said otherwise.
enum class Axis {
  kM,
  kN,
  kK,
  kGroups,
  kRowsPerGroup,  // m over groups
  kBatch,
  kHeads,
  kKvHeads,
  kHeadsPerKvHead,
  kKvStreams,  // batch times heads of keys and values: what is read side by side
  kQuery,
  kContext,
  kContextPerQuery,  // one where every query attends to the keys of its own tokens only
  kQkDim,
  kCacheBytes,  // of an element of the cached keys and values, scales left out
  kRows,
  kColumns,
  kTokens,
  kHidden,
  kIntermediatePerRank,  // intermediate over tensor_parallel
  kTopK,
  kExperts,
  kExpertsPerRank,   // experts over expert_parallel (or ranks)
  kTokensPerExpert,  // tokens times topk over experts; may be below one
  kTensorParallel,
  kExpertParallel,
  kSkew,  // linear, not in doublings: zero is a value
  kRanks,
  kNodes,
  kBytes,
  kElementBytes,  // of what a collective adds up
  kSms,
};

/// "m", "rows-per-group", "tokens-per-expert", ...; and back.
std::string_view name(Axis axis);
std::optional<Axis> axis_named(std::string_view word);

/// Bytes of an element stored in `precision`, scales left out; half a byte for four bits. This is
/// the size along kCacheBytes and kElementBytes.
double bytes_of_element(Precision precision);

/// Where `op` on `sms` SMs lies on an axis. check() fails where the op's shape has no such size.
double coordinate(const Op& op, int sms, Axis axis);

/// The axes on which times of this kind depend, in the order in which people name them.
const std::vector<Axis>& axes_of(OpKind kind);

}  // namespace towtank
