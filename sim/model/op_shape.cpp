#include "sim/model/op_shape.hpp"

#include "sim/base/error.hpp"

namespace towtank {
namespace {

// Block quantisation (DeepSeek-V3 report, section 3.3) adds one FP32 scale per 128 elements of an
// activation, per 128x128 of a weight; NVFP4 an FP8 scale per 16 elements, MXFP4 one byte per 32;
// 4-bit integer weights (GPTQ, AWQ) usually a BF16 scale per 128.
constexpr double kFp8ActivationBytes = 1.0 + kFp32Bytes / 128.0;
constexpr double kFp8WeightBytes = 1.0 + kFp32Bytes / (128.0 * 128.0);
constexpr double kNvFp4Bytes = 0.5 + 1.0 / 16.0;
constexpr double kMxFp4Bytes = 0.5 + 1.0 / 32.0;
constexpr double kInt4Bytes = 0.5 + kBf16Bytes / 128.0;

template <typename Shape>
const Shape& shape_of(const Op& op, std::string_view claim) {
  check(std::holds_alternative<Shape>(op.shape), claim);
  return std::get<Shape>(op.shape);
}

}  // namespace

const GemmShape& gemm_shape(const Op& op) {
  return shape_of<GemmShape>(op, "a GEMM has a GEMM's shape");
}

const AttentionShape& attention_shape(const Op& op) {
  return shape_of<AttentionShape>(op, "attention has an attention's shape");
}

const SweepShape& sweep_shape(const Op& op) {
  return shape_of<SweepShape>(op, "a sweep has rows and columns");
}

const MoeShape& moe_shape(const Op& op) {
  return shape_of<MoeShape>(op, "an expert layer has an expert layer's shape");
}

const CollectiveShape& collective_shape(const Op& op) {
  return shape_of<CollectiveShape>(op, "a collective has ranks and bytes");
}

const ExchangeShape& exchange_shape(const Op& op) {
  return shape_of<ExchangeShape>(op, "an expert exchange has ranks and tokens");
}

std::int64_t kv_heads(const AttentionShape& shape) {
  return shape.kv_heads == 0 ? shape.heads : shape.kv_heads;
}

double rows_per_rank(const MoeShape& shape) {
  return static_cast<double>(shape.tokens) * static_cast<double>(shape.topk) /
         static_cast<double>(shape.expert_parallel);
}

double stored_bytes(Precision precision) {
  switch (precision) {
    case Precision::kFp8Block:
      return kFp8ActivationBytes;
    case Precision::kFp32:
      return kFp32Bytes;
    case Precision::kFp8:
    case Precision::kInt8:
      return 1.0;
    case Precision::kFp4:
      return kNvFp4Bytes;
    case Precision::kBf16:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      return kBf16Bytes;
  }
  return 0.0;
}

double plain_bytes(Precision precision) {
  return precision == Precision::kFp32 ? kFp32Bytes : kBf16Bytes;
}

double weight_bytes(Precision precision) {
  switch (precision) {
    case Precision::kFp8Block:
      return kFp8WeightBytes;
    case Precision::kInt4Weights:
      return kInt4Bytes;
    case Precision::kFp4Weights:
      return kMxFp4Bytes;
    case Precision::kBf16:
    case Precision::kFp32:
    case Precision::kFp8:
    case Precision::kFp4:
    case Precision::kInt8:
      return stored_bytes(precision);
  }
  return 0.0;
}

double mla_token_weights(const MlaBlock& block, double heads) {
  const double down = block.hidden * (block.q_rank + block.kv_rank + block.rope_dim);
  const double query = block.q_rank * heads * (block.nope_dim + block.rope_dim);
  const double output = heads * block.v_dim * block.hidden;
  return down + query + output;
}

double mla_key_value_weights(const MlaBlock& block, double heads) {
  return block.kv_rank * heads * (block.nope_dim + block.v_dim);
}

double mla_latent_elements(const MlaBlock& block) {
  return block.kv_rank + block.rope_dim;
}

}  // namespace towtank
