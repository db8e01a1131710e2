#include "sim/profile/axis.hpp"

#include <cmath>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/op_text.hpp"

namespace towtank {
namespace {

constexpr int kSms = 132;

double along(const Op& op, Axis axis) {
  return coordinate(op, kSms, axis);
}

TEST(AxisNames, LeadBackToTheAxis) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Axis::kSms); ++i) {
    const Axis axis = static_cast<Axis>(i);
    EXPECT_EQ(axis_named(name(axis)), axis);
    names.insert(name(axis));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Axis::kSms) + 1);
  EXPECT_EQ(axis_named("rows-per-grup"), std::nullopt);
  EXPECT_EQ(axis_named(""), std::nullopt);
}

TEST(Axes, OfEveryKindAreDifferentOnesOfItsShape) {
  for (const OpKind kind : all_op_kinds()) {
    const std::vector<Axis>& axes = axes_of(kind);
    EXPECT_FALSE(axes.empty()) << name(kind);
    EXPECT_EQ(std::set<Axis>(axes.begin(), axes.end()).size(), axes.size()) << name(kind);
    for (const Axis axis : axes) {
      EXPECT_TRUE(std::isfinite(along(example_op(kind), axis))) << name(kind) << name(axis);
    }
  }
}

TEST(Coordinate, GrowsByOneWhenASizeDoubles) {
  Op op = example_op(OpKind::kGemm);
  const double before = along(op, Axis::kM);
  EXPECT_DOUBLE_EQ(before, 12.0);
  std::get<GemmShape>(op.shape).m *= 2;
  EXPECT_DOUBLE_EQ(along(op, Axis::kM), before + 1.0);
  EXPECT_DOUBLE_EQ(coordinate(op, 64, Axis::kSms), 6.0);
}

TEST(Coordinate, CountsRowsPerGroup) {
  const Op op = {.kind = OpKind::kGroupedGemm,
                 .precision = Precision::kBf16,
                 .shape = GemmShape{.m = 1024, .n = 1, .k = 1, .groups = 8}};
  EXPECT_DOUBLE_EQ(std::exp2(along(op, Axis::kRowsPerGroup)), 128.0);
}

TEST(Coordinate, TakesUnsaidKeyHeadsForAsManyAsHeads) {
  Op op = example_op(OpKind::kAttentionForward);
  EXPECT_EQ(along(op, Axis::kKvHeads), along(op, Axis::kHeads));
  std::get<AttentionShape>(op.shape).kv_heads = 16;
  EXPECT_DOUBLE_EQ(along(op, Axis::kKvHeads), 4.0);
  EXPECT_DOUBLE_EQ(along(op, Axis::kHeadsPerKvHead), 3.0);
}

TEST(Coordinate, OfAnExpertLayerCountsWhatARankHas) {
  const Op op = {.kind = OpKind::kMoeLayer,
                 .precision = Precision::kBf16,
                 .shape = MoeShape{.tokens = 16,
                                   .hidden = 7168,
                                   .intermediate = 2048,
                                   .topk = 8,
                                   .experts = 256,
                                   .tensor_parallel = 2,
                                   .expert_parallel = 32,
                                   .skew = 0.0}};
  EXPECT_DOUBLE_EQ(std::exp2(along(op, Axis::kExpertsPerRank)), 8.0);
  EXPECT_DOUBLE_EQ(std::exp2(along(op, Axis::kTokensPerExpert)), 0.5);
  EXPECT_DOUBLE_EQ(std::exp2(along(op, Axis::kIntermediatePerRank)), 1024.0);
  EXPECT_EQ(along(op, Axis::kSkew), 0.0);
}

TEST(Coordinate, OnAnAxisOfAnotherShapeIsABug) {
  EXPECT_THROW(along(example_op(OpKind::kGemm), Axis::kBatch), BrokenClaim);
  EXPECT_THROW(along(example_op(OpKind::kNorm), Axis::kSkew), BrokenClaim);
  EXPECT_THROW(along(example_op(OpKind::kAllReduce), Axis::kRows), BrokenClaim);
  EXPECT_THROW(coordinate(example_op(OpKind::kGemm), 0, Axis::kSms), BrokenClaim);
}

}  // namespace
}  // namespace towtank
