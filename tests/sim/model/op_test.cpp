#include "sim/model/op.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

constexpr std::int64_t kTokens = 4096;

Op gemm(OpKind kind, Precision precision, GemmShape shape) {
  return {.kind = kind, .precision = precision, .shape = shape};
}

Op sweep(OpKind kind, Precision precision, std::int64_t rows, std::int64_t columns) {
  return {.kind = kind, .precision = precision, .shape = SweepShape{rows, columns}};
}

Op attention(OpKind kind, bool causal = true) {
  return {.kind = kind,
          .precision = Precision::kBf16,
          .shape = AttentionShape{.batch = 1,
                                  .heads = 128,
                                  .query = kTokens,
                                  .context = kTokens,
                                  .qk_dim = 192,
                                  .v_dim = 128,
                                  .causal = causal}};
}

/// A shape of the right sort for any kind.
Op any(OpKind kind, Precision precision) {
  switch (family(kind)) {
    case OpFamily::kAttention:
      return attention(kind);
    case OpFamily::kMemoryBound:
      return sweep(kind, precision, 64, 128);
    default:
      return gemm(kind, precision, {.m = 64, .n = 128, .k = 256});
  }
}

TEST(GemmWork, IsTwoPerMultiplyAddWhateverTheGroups) {
  const GemmShape shape = {.m = 3, .n = 5, .k = 7};
  int products = 0;
  for (int m = 0; m < shape.m; ++m) {
    for (int n = 0; n < shape.n; ++n) {
      for (int k = 0; k < shape.k; ++k) {
        ++products;
      }
    }
  }
  for (const OpKind kind : {OpKind::kGemm, OpKind::kGroupedGemm, OpKind::kWeightGemm}) {
    EXPECT_DOUBLE_EQ(flops(gemm(kind, Precision::kBf16, shape)) / flop, 2.0 * products);
    EXPECT_DOUBLE_EQ(
        flops(gemm(kind, Precision::kBf16, {.m = 3, .n = 5, .k = 7, .groups = 4})) / flop,
        2.0 * products);
  }
}

TEST(GemmTraffic, ReadsOperandsInThePrecisionAndWritesBf16) {
  const GemmShape shape = {.m = 256, .n = 512, .k = 1024};
  const double a = 256.0 * 1024.0;
  const double b = 1024.0 * 512.0;
  const double c = 256.0 * 512.0;
  EXPECT_DOUBLE_EQ(memory_traffic(gemm(OpKind::kGemm, Precision::kBf16, shape)) / byte,
                   2.0 * (a + b + c));
  EXPECT_DOUBLE_EQ(memory_traffic(gemm(OpKind::kGemm, Precision::kFp32, shape)) / byte,
                   4.0 * (a + b + c));
  const double scales = 4.0 * (a / 128.0 + b / (128.0 * 128.0));
  EXPECT_DOUBLE_EQ(memory_traffic(gemm(OpKind::kGemm, Precision::kFp8Block, shape)) / byte,
                   a + b + scales + 2.0 * c);
}

TEST(GemmTraffic, EveryExpertsWeightIsReadOnce) {
  const GemmShape one = {.m = 256, .n = 512, .k = 1024};
  const GemmShape eight = {.m = 256, .n = 512, .k = 1024, .groups = 8};
  const Bytes more = memory_traffic(gemm(OpKind::kGroupedGemm, Precision::kBf16, eight)) -
                     memory_traffic(gemm(OpKind::kGroupedGemm, Precision::kBf16, one));
  EXPECT_DOUBLE_EQ(more / byte, 7 * 2.0 * 1024 * 512);
}

TEST(WeightGradientTraffic, AccumulatesInFp32PerGroup) {
  const GemmShape one = {.m = 256, .n = 512, .k = 1024};
  const GemmShape four = {.m = 256, .n = 512, .k = 1024, .groups = 4};
  const auto traffic = [](GemmShape shape) {
    return memory_traffic(gemm(OpKind::kWeightGemm, Precision::kBf16, shape)) / byte;
  };
  EXPECT_DOUBLE_EQ(traffic(one), 2.0 * 1024 * (256 + 512) + 8.0 * 256 * 512);
  EXPECT_DOUBLE_EQ(traffic(four) - traffic(one), 3 * 8.0 * 256 * 512);
}

TEST(AttentionWork, ForwardIsTwoProductsOverThePairsAQueryMaySee) {
  const double all_pairs = 4096.0 * 4096.0 * 128.0;
  EXPECT_DOUBLE_EQ(flops(attention(OpKind::kAttentionForward, false)) / flop,
                   all_pairs * 2.0 * (192 + 128));
  EXPECT_DOUBLE_EQ(flops(attention(OpKind::kAttentionForward)) / flop, all_pairs * (192 + 128));
}

TEST(AttentionWork, BackwardKernelRebuildsTheScoresButTheModelDoesNotNeedThat) {
  const Op forward = attention(OpKind::kAttentionForward);
  const Op backward = attention(OpKind::kAttentionBackward);
  EXPECT_DOUBLE_EQ(model_flops(backward) / model_flops(forward), 2.0);
  const double rebuilt = 4096.0 * 4096.0 / 2.0 * 128.0 * 2.0 * 192.0;
  EXPECT_DOUBLE_EQ((flops(backward) - model_flops(backward)) / flop, rebuilt);
}

TEST(AttentionWork, WithEqualHeadSizesTheBackwardKernelDoesTwoAndAHalfForwards) {
  Op forward = attention(OpKind::kAttentionForward);
  Op backward = attention(OpKind::kAttentionBackward);
  std::get<AttentionShape>(forward.shape).qk_dim = 128;
  std::get<AttentionShape>(backward.shape).qk_dim = 128;
  EXPECT_DOUBLE_EQ(flops(backward) / flops(forward), 2.5);
}

TEST(AttentionWork, FullConventionDoublesTheCausalCountOnly) {
  for (const OpKind kind : {OpKind::kAttentionForward, OpKind::kAttentionBackward}) {
    EXPECT_DOUBLE_EQ(model_flops_full_attention(attention(kind)) / model_flops(attention(kind)),
                     2.0);
    EXPECT_EQ(model_flops_full_attention(attention(kind, false)),
              model_flops(attention(kind, false)));
  }
  const Op product = gemm(OpKind::kGemm, Precision::kBf16, {.m = 8, .n = 8, .k = 8});
  EXPECT_EQ(model_flops_full_attention(product), flops(product));
}

TEST(AttentionTraffic, BackwardMovesEveryTensorAndItsGradient) {
  const double q = 128.0 * 4096 * 192 * 2;
  const double v = 128.0 * 4096 * 128 * 2;
  EXPECT_DOUBLE_EQ(memory_traffic(attention(OpKind::kAttentionForward)) / byte, 2 * q + 2 * v);
  EXPECT_DOUBLE_EQ(memory_traffic(attention(OpKind::kAttentionBackward)) / byte,
                   2 * (2 * q + 2 * v));
}

TEST(Sweeps, DoNoCountedWork) {
  for (const OpKind kind : all_op_kinds()) {
    EXPECT_EQ(flops(any(kind, Precision::kBf16)) > Flops{}, is_compute_bound_kind(kind))
        << name(kind);
  }
}

TEST(Sweeps, CastToFp8ReadsTwoBytesAndWritesOneWithItsShareOfAScale) {
  for (const OpKind kind : {OpKind::kQuantize, OpKind::kTransposeQuantize}) {
    EXPECT_DOUBLE_EQ(memory_traffic(sweep(kind, Precision::kFp8Block, kTokens, 7168)) / byte,
                     4096.0 * 7168.0 * (2 + 1 + 4.0 / 128.0));
  }
}

TEST(Sweeps, SwiGluReadsTwoInputsForEachColumnOfItsResult) {
  EXPECT_DOUBLE_EQ(memory_traffic(sweep(OpKind::kSwiGlu, Precision::kBf16, 10, 128)) / byte,
                   10 * 128 * (2 * 2 + 2));
  EXPECT_DOUBLE_EQ(memory_traffic(sweep(OpKind::kSwiGluBackward, Precision::kBf16, 10, 128)) / byte,
                   10 * 128 * (3 * 2 + 2 * 2));
}

TEST(Sweeps, AdamWMovesTwentyTwoBytesAParameter) {
  // Master read and written, two BF16 moments read and written, gradient read, BF16 weight written.
  const double bytes = (4 + 4) + 2 * (2 + 2) + 4 + 2;
  for (const Precision precision : {Precision::kFp8Block, Precision::kBf16, Precision::kFp32}) {
    EXPECT_DOUBLE_EQ(memory_traffic(sweep(OpKind::kAdamW, precision, 1000, 1)) / byte,
                     1000 * bytes);
  }
}

TEST(Sweeps, TrafficGrowsWithPrecisionAndInProportionToTheShape) {
  for (const OpKind kind : all_op_kinds()) {
    if (is_compute_bound_kind(kind)) {
      continue;
    }
    const auto traffic = [kind](Precision precision, std::int64_t rows, std::int64_t columns) {
      return memory_traffic(sweep(kind, precision, rows, columns));
    };
    EXPECT_LE(traffic(Precision::kFp8Block, 64, 128), traffic(Precision::kBf16, 64, 128));
    EXPECT_LE(traffic(Precision::kBf16, 64, 128), traffic(Precision::kFp32, 64, 128));
    EXPECT_DOUBLE_EQ(traffic(Precision::kBf16, 128, 384) / traffic(Precision::kBf16, 64, 128), 6.0);
  }
}

TEST(OpNames, AreDifferentForEveryKind) {
  std::set<std::string_view> names;
  for (const OpKind kind : all_op_kinds()) {
    EXPECT_FALSE(name(kind).empty());
    names.insert(name(kind));
  }
  EXPECT_EQ(names.size(), all_op_kinds().size());
  EXPECT_EQ(static_cast<int>(all_op_kinds().back()), static_cast<int>(OpKind::kAdamW));
  for (std::size_t i = 0; i < all_op_kinds().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(all_op_kinds()[i]), i);
  }
}

TEST(OpDescription, TellsShapesApart) {
  EXPECT_EQ(describe(gemm(OpKind::kGemm, Precision::kFp8Block, {.m = 4096, .n = 7168, .k = 16384})),
            "gemm fp8-block 4096x7168x16384");
  EXPECT_EQ(describe(gemm(OpKind::kGroupedGemm,
                          Precision::kFp8Block,
                          {.m = 32768, .n = 4096, .k = 7168, .groups = 4})),
            "grouped-gemm fp8-block 32768x4096x7168 in 4 groups");
  EXPECT_EQ(describe(attention(OpKind::kAttentionForward)),
            "attention-forward bf16 1x128 heads of 192+128, 4096 causal in 4096");
  EXPECT_EQ(describe(sweep(OpKind::kNorm, Precision::kBf16, 4096, 7168)), "norm bf16 4096x7168");
  EXPECT_NE(describe(attention(OpKind::kAttentionForward)),
            describe(attention(OpKind::kAttentionForward, false)));
}

TEST(Op, WithAShapeOfAnotherFamilyIsABug) {
  const Op broken = sweep(OpKind::kGemm, Precision::kBf16, 4, 4);
  EXPECT_THROW(flops(broken), BrokenClaim);
  EXPECT_THROW(memory_traffic(broken), BrokenClaim);
}

}  // namespace
}  // namespace towtank
