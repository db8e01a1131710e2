#include "sim/model/unfused_attention.hpp"

#include <cstdint>

#include "sim/base/error.hpp"
#include "sim/model/op_shape.hpp"

namespace towtank {
namespace {

/// Writes the kernels of one pass; functions of a pass each share its members.
class UnfusedAttention {
 public:
  UnfusedAttention(const Op& fused, bool dropout)
      : shape_(attention_shape(fused)), precision_(fused.precision), dropout_(dropout) {}

  std::vector<Op> forward() {
    multiply(shape_.query, shape_.context, shape_.qk_dim);  // scores = Q K^T
    sweep_scores(OpKind::kSoftmax);
    if (dropout_) {
      sweep_scores(OpKind::kDropout);
    }
    multiply(shape_.query, shape_.v_dim, shape_.context);  // O = P V
    return ops_;
  }

  std::vector<Op> backward() {
    multiply(shape_.query, shape_.context, shape_.v_dim);  // dP = dO V^T
    multiply(shape_.context, shape_.v_dim, shape_.query);  // dV = P^T dO
    if (dropout_) {
      sweep_scores(OpKind::kDropoutBackward);
    }
    sweep_scores(OpKind::kSoftmaxBackward);
    multiply(shape_.query, shape_.qk_dim, shape_.context);  // dQ = dS K
    multiply(shape_.context, shape_.qk_dim, shape_.query);  // dK = dS^T Q
    return ops_;
  }

 private:
  std::int64_t matrices() const { return shape_.batch * shape_.heads; }

  /// (rows, columns) = (rows, depth) * (depth, columns), for every head of every sequence.
  void multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth) {
    ops_.push_back({.kind = OpKind::kBatchedGemm,
                    .precision = precision_,
                    .shape = GemmShape{
                        .m = matrices() * rows, .n = columns, .k = depth, .groups = matrices()}});
  }

  void sweep_scores(OpKind kind) {
    ops_.push_back({.kind = kind,
                    .precision = precision_,
                    .shape = SweepShape{matrices() * shape_.query, shape_.context}});
  }

  AttentionShape shape_;
  Precision precision_;
  bool dropout_;
  std::vector<Op> ops_;
};

}  // namespace

std::vector<Op> unfused_attention_ops(const Op& fused, bool dropout) {
  check(fused.kind == OpKind::kAttentionForward || fused.kind == OpKind::kAttentionBackward,
        "what trains is attention forward or backward");
  UnfusedAttention attention(fused, dropout);
  return fused.kind == OpKind::kAttentionForward ? attention.forward() : attention.backward();
}

}  // namespace towtank
