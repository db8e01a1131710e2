// The shape of an op as the one its kind has, and how its elements are stored.
#pragma once

#include <cstdint>

#include "sim/model/op.hpp"

namespace towtank {

/// Each checks that `op` has this shape.
const GemmShape& gemm_shape(const Op& op);
const AttentionShape& attention_shape(const Op& op);
const SweepShape& sweep_shape(const Op& op);
const MoeShape& moe_shape(const Op& op);
const CollectiveShape& collective_shape(const Op& op);
const ExchangeShape& exchange_shape(const Op& op);

/// As many as `heads` where the shape does not say.
std::int64_t kv_heads(const AttentionShape& shape);

/// Rows that a rank's experts compute, copies of tokens counted each; a fraction at times.
double rows_per_rank(const MoeShape& shape);

inline constexpr double kBf16Bytes = 2.0;
inline constexpr double kFp32Bytes = 4.0;

/// Bytes of an element of an activation stored in `precision`, with its share of a scale.
double stored_bytes(Precision precision);

/// Bytes of an element that is not quantised: what a quantised recipe keeps in BF16.
double plain_bytes(Precision precision);

/// Bytes of an element of a weight, with its share of a scale.
double weight_bytes(Precision precision);

/// An MLA block's projections, of which the shape states the heads only; the rest as in DeepSeek-V3
/// (arXiv 2412.19437, section 4.2), the one model whose blocks serving libraries time.
struct MlaBlock {
  double hidden = 7168.0;
  double q_rank = 1536.0;
  double kv_rank = 512.0;
  double rope_dim = 64.0;
  double nope_dim = 128.0;
  double v_dim = 128.0;
};

/// Weights of the down projections, of the query's up projection and of the output projection: what
/// every token passes.
double mla_token_weights(const MlaBlock& block, double heads);

/// Weights of the key's and value's up projection: what every key passes in prefill, and every
/// query (absorbed) in decoding.
double mla_key_value_weights(const MlaBlock& block, double heads);

/// What a token leaves in the cache.
double mla_latent_elements(const MlaBlock& block);

}  // namespace towtank
