#include "sim/model/op_writer.hpp"

#include <utility>
#include <variant>

namespace towtank {
namespace {

bool is_empty(const Op& op) {
  if (const auto* gemm = std::get_if<GemmShape>(&op.shape)) {
    return gemm->m == 0 || gemm->n == 0 || gemm->k == 0;
  }
  const auto* sweep = std::get_if<SweepShape>(&op.shape);
  return sweep != nullptr && (sweep->rows == 0 || sweep->columns == 0);
}

}  // namespace

std::vector<Op> OpWriter::take() {
  std::erase_if(ops_, [](const Op& op) { return is_empty(op); });
  return std::move(ops_);
}

void OpWriter::sweep(OpKind kind, std::int64_t rows, std::int64_t columns) {
  ops_.push_back({.kind = kind, .precision = Precision::kBf16, .shape = SweepShape{rows, columns}});
}

void OpWriter::sweep_to_gemm(OpKind kind, std::int64_t rows, std::int64_t columns) {
  ops_.push_back({.kind = kind, .precision = recipe_.gemm, .shape = SweepShape{rows, columns}});
}

void OpWriter::quantize(std::int64_t rows, std::int64_t columns) {
  if (is_fp8()) {
    sweep_to_gemm(OpKind::kQuantize, rows, columns);
  }
}

void OpWriter::linear(std::int64_t in, std::int64_t out) {
  quantize(shard_.tokens, in);
  gemm(in, out);
}

void OpWriter::input_gradient(std::int64_t out, std::int64_t in) {
  quantize(shard_.tokens, out);
  transpose_weights(in, out);
  gemm(out, in);
}

void OpWriter::transpose_weights(std::int64_t in, std::int64_t out) {
  if (is_fp8()) {
    sweep_to_gemm(OpKind::kTranspose, in, out);
  }
}

void OpWriter::gemm(std::int64_t in, std::int64_t out) {
  precise_gemm(recipe_.gemm, in, out);
}

void OpWriter::weight_gradient(std::int64_t in, std::int64_t out) {
  if (in == 0 || out == 0) {
    return;
  }
  transposed_casts(shard_.tokens, in, out);
  precise_weight_gradient(recipe_.gemm, in, out);
}

void OpWriter::expert_gemm(std::int64_t in, std::int64_t out) {
  ops_.push_back({.kind = OpKind::kGroupedGemm,
                  .precision = recipe_.gemm,
                  .shape = GemmShape{
                      .m = shard_.expert_rows, .n = out, .k = in, .groups = shard_.local_experts}});
}

void OpWriter::expert_weight_gradient(std::int64_t in, std::int64_t out) {
  transposed_casts(shard_.expert_rows, in, out);
  ops_.push_back({.kind = OpKind::kWeightGemm,
                  .precision = recipe_.gemm,
                  .shape = GemmShape{
                      .m = in, .n = out, .k = shard_.expert_rows, .groups = shard_.local_experts}});
}

void OpWriter::precise_gemm(Precision precision, std::int64_t in, std::int64_t out) {
  ops_.push_back({.kind = OpKind::kGemm,
                  .precision = precision,
                  .shape = GemmShape{.m = shard_.tokens, .n = out, .k = in}});
}

void OpWriter::precise_weight_gradient(Precision precision, std::int64_t in, std::int64_t out) {
  ops_.push_back({.kind = OpKind::kWeightGemm,
                  .precision = precision,
                  .shape = GemmShape{.m = in, .n = out, .k = shard_.tokens}});
}

void OpWriter::attention(OpKind kind, AttentionShape heads) {
  heads.batch = shard_.sequences;
  heads.query = shard_.tokens / shard_.sequences;
  heads.context = shard_.context;
  heads.causal = true;
  heads.spread = heads.query < heads.context;
  heads.window = heads.window < heads.context ? heads.window : 0;  // else it hides no key
  ops_.push_back({.kind = kind, .precision = Precision::kBf16, .shape = heads});
}

void OpWriter::transposed_casts(std::int64_t rows, std::int64_t in, std::int64_t out) {
  if (is_fp8()) {
    sweep_to_gemm(OpKind::kTransposeQuantize, rows, in);
    sweep_to_gemm(OpKind::kTransposeQuantize, rows, out);
  }
}

MlpForm mlp_form(const Architecture& model) {
  if (model.gated_mlp) {
    return {};
  }
  return {.ups = 1,
          .activation = OpKind::kActivation,
          .activation_backward = OpKind::kActivationBackward};
}

}  // namespace towtank
