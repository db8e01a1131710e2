#include "sim/profile/relatives.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "sim/profile/neighbours.hpp"

namespace towtank {
namespace {

/// Another op whose time tells of one: that takes `times` as long and `more`.
struct Relative {
  Op op;
  double times = 1.0;
  Seconds more = {};
  double error = 0.0;  // of this relation alone, at 90%
};

/// Between sweeps that read and write alike. Judged.
constexpr double kLikeFormError = 0.2;

/// Between block-scaled and tensor-scaled FP8, which differ in how scales are applied: the tables
/// of one library on H100 and H200 differ by 0.1 to 0.4 for products of 2,048 to 8,192 rows.
constexpr double kOtherScalingError = 0.3;

/// Weight gradients as the GEMM and its accumulator: the 15 shapes of the H800's trace against
/// DeepGEMM's tables of the same GPU miss by 0.3 at 90%, the kernels' own differences (other
/// scales) among it. Grouped GEMMs as one GEMM a group: 62 shapes of the trace and of InferSim
/// against the same tables miss by 0.09 at the median and 0.37 at 90%, most where a group has few
/// rows.
constexpr double kWeightGemmError = 0.3;
constexpr double kGroupedGemmError = 0.35;

/// Batched GEMMs as one GEMM of all rows: 54 shapes of 256 to 8,192 rows, 16 to 128 groups and 128
/// by 512 weights, TensorRT-LLM's and cuBLAS's on H100, H200 and H800, miss by 0.01 to 0.15 at the
/// median of a GPU and 0.28 at 90%.
constexpr double kBatchedGemmError = 0.25;

/// What attention backward reaches of the forward pass's rate in FLOP per second, with the kernels
/// of one library on one GPU, causal, 2,048 to 32,768 tokens. Medians of cuDNN on B200 and H200 and
/// FlashAttention 2 on A100 (NVIDIA/cudnn-frontend, benchmark/, 2025 and 2026; 15 shapes, 0.76 to
/// 0.91) and of keys wider than values (the same on H200, and FlashAttention 3 in the H800's trace;
/// 4 shapes, 0.67 to 0.73).
constexpr double kBackwardRate = 0.81;
constexpr double kBackwardRateOfWideKeys = 0.68;
constexpr double kBackwardError = 0.12;

/// Streams that add reach this share of the memory bandwidth: triad of STREAM on A100, H100 and
/// H200 (Azure/AI-benchmarking-guide), 0.83 to 0.89.
constexpr double kStreamShare = 0.86;

Op with_kind(const Op& op, OpKind kind) {
  return {.kind = kind, .precision = op.precision, .shape = op.shape};
}

Op with_precision(const Op& op, Precision precision) {
  return {.kind = op.kind, .precision = precision, .shape = op.shape};
}

/// At the same fraction of the roofline.
double by_roofline(const Op& op, const Op& relative, const Gpu& gpu, int sms) {
  const Seconds least = speed_of_light(relative, gpu, sms);
  return least > Seconds{} ? speed_of_light(op, gpu, sms) / least : 1.0;
}

/// FP8 of the other scaling.
std::optional<Precision> other_scaling(Precision precision) {
  switch (precision) {
    case Precision::kFp8:
      return Precision::kFp8Block;
    case Precision::kFp8Block:
      return Precision::kFp8;
    case Precision::kBf16:
    case Precision::kFp32:
    case Precision::kFp4:
    case Precision::kInt8:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      return std::nullopt;
  }
  return std::nullopt;
}

/// The GEMM that a product consists of, `groups` times.
Op one_of_groups(const Op& op) {
  GemmShape shape = std::get<GemmShape>(op.shape);
  std::int64_t& shared = op.kind == OpKind::kWeightGemm ? shape.k : shape.m;
  shared = std::max<std::int64_t>(1, shared / shape.groups);
  shape.groups = 1;
  return {.kind = OpKind::kGemm, .precision = op.precision, .shape = shape};
}

/// The GEMM of all rows of a batch, as if they shared what they are multiplied with.
Op all_rows(const Op& op) {
  GemmShape shape = std::get<GemmShape>(op.shape);
  shape.groups = 1;
  return {.kind = OpKind::kGemm, .precision = op.precision, .shape = shape};
}

/// Time of what a weight gradient moves beyond its GEMM, which starts no sooner than that ends.
Seconds accumulation(const Op& op, const Op& gemm, double groups, const Gpu& gpu) {
  const Bytes more = memory_traffic(op) - groups * memory_traffic(gemm);
  return more > Bytes{} ? more / (kStreamShare * gpu.memory_bandwidth) : Seconds{};
}

void add_products(std::vector<Relative>& relatives, const Op& op, const Gpu& gpu, int sms) {
  if (op.kind == OpKind::kWeightGemm || op.kind == OpKind::kGroupedGemm) {
    const Op gemm = one_of_groups(op);
    const double groups = static_cast<double>(std::get<GemmShape>(op.shape).groups);
    const bool weights = op.kind == OpKind::kWeightGemm;
    relatives.push_back({.op = gemm,
                         .times = groups,
                         .more = weights ? accumulation(op, gemm, groups, gpu) : Seconds{},
                         .error = weights ? kWeightGemmError : kGroupedGemmError});
  }
  if (op.kind == OpKind::kBatchedGemm) {
    const Op gemm = all_rows(op);
    relatives.push_back(
        {.op = gemm, .times = by_roofline(op, gemm, gpu, sms), .error = kBatchedGemmError});
  }
  if (op.kind == OpKind::kAttentionBackward) {
    const AttentionShape& shape = std::get<AttentionShape>(op.shape);
    const double rate = shape.v_dim < shape.qk_dim ? kBackwardRateOfWideKeys : kBackwardRate;
    const Op forward = with_kind(op, OpKind::kAttentionForward);
    relatives.push_back({.op = forward,
                         .times = by_roofline(op, forward, gpu, sms) / rate,
                         .error = kBackwardError});
  }
}

/// The same kernels, and what is told of them, in FP8 of the other scaling.
void add_other_scaling(std::vector<Relative>& relatives, const Op& op, const Gpu& gpu, int sms) {
  const std::optional<Precision> other = other_scaling(op.precision);
  if (!other) {
    return;
  }
  const std::size_t known = relatives.size();
  relatives.reserve(2 * known + 1);
  for (std::size_t i = 0; i < known; ++i) {
    Relative same = relatives[i];
    same.op = with_precision(same.op, *other);
    same.times *= by_roofline(relatives[i].op, same.op, gpu, sms);
    same.error = std::hypot(same.error, kOtherScalingError);
    relatives.push_back(same);
  }
  const Op scaled = with_precision(op, *other);
  relatives.push_back(
      {.op = scaled, .times = by_roofline(op, scaled, gpu, sms), .error = kOtherScalingError});
}

/// The kind of another kernel that sweeps over memory in the same way and is measured more often.
std::optional<OpKind> sweeps_like(OpKind kind) {
  switch (kind) {
    case OpKind::kActivation:
      return OpKind::kSwiGlu;
    case OpKind::kActivationBackward:
      return OpKind::kSwiGluBackward;
    case OpKind::kSoftmax:  // statistics of a row, then the row again
      return OpKind::kNorm;
    case OpKind::kSoftmaxBackward:
      return OpKind::kNormBackward;
    case OpKind::kDropout:
    case OpKind::kDropoutBackward:
    case OpKind::kDropoutAdd:
      return OpKind::kAdd;
    default:
      return std::nullopt;
  }
}

void add_sweeps(std::vector<Relative>& relatives, const Op& op, const Gpu& gpu, int sms) {
  std::vector<Op> like;
  for (const Precision precision : {Precision::kBf16, Precision::kFp8Block, Precision::kFp8}) {
    if (precision != op.precision) {
      like.push_back(with_precision(op, precision));
    }
  }
  if (const std::optional<OpKind> kind = sweeps_like(op.kind)) {
    like.push_back(with_kind(op, *kind));
  }
  for (const Op& other : like) {
    relatives.push_back(
        {.op = other, .times = by_roofline(op, other, gpu, sms), .error = kLikeFormError});
  }
}

/// What sweeps of a kind reach of a copy's bandwidth, and how much that differs between libraries.
struct ShareOfCopy {
  double share = 0.0;
  double error = 0.0;
};

/// Nothing for kinds that are many kernels. Sources: norms, linkedin/Liger-Kernel's tables and its
/// pull request 1462 (A100 0.92 to 0.98 and backward 0.69, H100 0.89 and 0.79 of a copy, 8,192 rows
/// and more; torch.compile half of that); cross entropy of 8,192 x 8,192 to 131,072 on H100, the
/// same repository (PyTorch 0.59 to 0.80 and backward 0.47 to 0.49; Megatron-Core unfused 0.89;
/// fused 0.86 to 1.05); additions, STREAM on A100, H100 and H200 and NVIDIA/cccl's BF16 on B200
/// (1.03 to 1.06); casts, TensorRT-LLM's tables of H100 and H200 (1.0). Others are judged by what
/// they do: streams as additions, gathers of rows a little below, scattered additions half.
std::optional<ShareOfCopy> share_of_copy(OpKind kind) {
  constexpr double kNear = 0.2;
  constexpr double kFar = 0.35;
  switch (kind) {
    case OpKind::kAdd:
    case OpKind::kCopy:
    case OpKind::kQuantize:
      return ShareOfCopy{.share = 1.0, .error = kNear};
    case OpKind::kActivation:
    case OpKind::kActivationBackward:
    case OpKind::kSwiGlu:
    case OpKind::kSwiGluBackward:
    case OpKind::kFusedCrossEntropy:
      return ShareOfCopy{.share = 0.95, .error = kNear};
    case OpKind::kNorm:
    case OpKind::kParallelCrossEntropy:
      return ShareOfCopy{.share = 0.9, .error = kNear};
    case OpKind::kTranspose:
    case OpKind::kTransposeQuantize:
    case OpKind::kAdamW:
    case OpKind::kRope:
    case OpKind::kRopeBackward:
    case OpKind::kEmbed:
    case OpKind::kSoftmax:
    case OpKind::kSoftmaxBackward:
    case OpKind::kDropout:
    case OpKind::kDropoutBackward:
    case OpKind::kDropoutAdd:
    case OpKind::kPermute:
    case OpKind::kUnpermute:
      return ShareOfCopy{.share = 0.8, .error = kFar};
    case OpKind::kNormBackward:
    case OpKind::kCrossEntropy:
      return ShareOfCopy{.share = 0.7, .error = kFar};
    case OpKind::kCrossEntropyBackward:
    case OpKind::kEmbedBackward:
      return ShareOfCopy{.share = 0.5, .error = kFar};
    default:
      return std::nullopt;
  }
}

/// True when sweeps were measured on this GPU itself. Such times, amid a run, say more of others
/// than a copy on another GPU does.
bool has_sweeps_of_its_own(const Profile& profile) {
  return std::ranges::any_of(profile.points, [](const MeasuredPoint& point) {
    return !point.transferred && shape_form(point.op.kind) == ShapeForm::kSweep;
  });
}

/// The copy that was measured on this GPU itself, or else on the one it transfers from; null when
/// none was, or when other sweeps were measured here.
const MeasuredPoint* measured_copy(const Profile& profile) {
  const MeasuredPoint* copy = nullptr;
  for_each_point(profile, OpKind::kCopy, [&](const MeasuredPoint& point) {
    if (copy == nullptr || (copy->transferred && !point.transferred)) {
      copy = &point;
    }
  });
  const bool foreign = copy != nullptr && copy->transferred;
  return foreign && has_sweeps_of_its_own(profile) ? nullptr : copy;
}

std::optional<Estimate> from_copy(const Profile& profile, const Op& op, int sms) {
  const std::optional<ShareOfCopy> reached = share_of_copy(op.kind);
  const MeasuredPoint* const copy = measured_copy(profile);
  if (!reached || copy == nullptr) {
    return std::nullopt;
  }
  const double fraction = speed_of_light(copy->op, profile.gpu, copy->sms) / copy->time;
  return Estimate{
      .time = speed_of_light(op, profile.gpu, sms) / (fraction * reached->share),
      .error = capped(std::hypot(point_error(*copy),
                                 reached->error,
                                 transfer_error(profile, copy->transferred ? 1.0 : 0.0))),
      .origin = copy->transferred ? Origin::kTransferred : Origin::kExtrapolated,
      .beyond = true,
      .nearest = copy,
  };
}

Estimate from_relative(const Relative& relative, const Estimate& known) {
  Estimate result = known;
  result.time = known.time * relative.times + relative.more;
  result.error = capped(std::hypot(known.error, relative.error));
  result.origin =
      known.origin == Origin::kTransferred ? Origin::kTransferred : Origin::kExtrapolated;
  result.beyond = true;
  return result;
}

}  // namespace

std::optional<Estimate> from_relatives(const Profile& profile,
                                       const Op& op,
                                       int sms,
                                       const OfOwnKind& of_own_kind) {
  std::vector<Relative> relatives;
  std::optional<Estimate> surest;
  if (shape_form(op.kind) == ShapeForm::kSweep) {
    add_sweeps(relatives, op, profile.gpu, sms);
    surest = from_copy(profile, op, sms);
  } else {
    add_products(relatives, op, profile.gpu, sms);
    add_other_scaling(relatives, op, profile.gpu, sms);
  }
  for (const Relative& relative : relatives) {
    const std::optional<Estimate> known = of_own_kind(relative.op);
    if (!known) {
      continue;
    }
    const Estimate found = from_relative(relative, *known);
    if (!surest || found.error < surest->error) {
      surest = found;
    }
  }
  return surest;
}

}  // namespace towtank
