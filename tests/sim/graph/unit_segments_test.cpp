// What a unit runs between two communications, and in which order.
#include "sim/graph/unit_segments.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/sim/graph/small_step.hpp"

namespace towtank {
namespace {

/// Of a part that is one run of kernels; -1 where there is none.
int segment_of(const Part& part) {
  EXPECT_LE(part.size(), 1u);
  return part.empty() ? -1 : part.front().segment;
}

/// A unit's segments, with a name for each of their indices.
struct UnitOps {
  explicit UnitOps(UnitKind kind) {
    const SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .expert = 4});
    const TokenShard shard = step.plan.token_shard(step.model.moe.experts, step.model.moe.top_k);
    parts = add_unit_parts(
        {.kind = kind}, step.model, shard, step.plan.recipe, {.shares_gpu = true}, segments);
  }

  /// Place of the first op of a kind in a segment; its number of ops if there is none.
  std::ptrdiff_t place(const Part& part, OpKind kind) const {
    const std::vector<Op>& ops = segments[static_cast<std::size_t>(segment_of(part))].ops;
    return std::ranges::find(ops, kind, &Op::kind) - ops.begin();
  }

  std::vector<Segment> segments;
  UnitParts parts;
};

TEST(MoeLayer, RoutesAfterAttentionAndBackwardBeforeIt) {
  for (const UnitKind kind : {UnitKind::kMoeLayer, UnitKind::kMtpLayer}) {
    const UnitOps unit(kind);
    EXPECT_LT(unit.place(unit.parts.attention_forward, OpKind::kAttentionForward),
              unit.place(unit.parts.attention_forward, OpKind::kRoute));
    EXPECT_LT(unit.place(unit.parts.attention_input_gradient, OpKind::kRouteBackward),
              unit.place(unit.parts.attention_input_gradient, OpKind::kAttentionBackward));
  }
}

TEST(MtpLayer, JoinsTheModelFirstAndLeavesItLast) {
  const UnitOps layer(UnitKind::kMoeLayer);
  const UnitOps mtp(UnitKind::kMtpLayer);
  const auto ops = [](const UnitOps& unit, const Part& part) -> const std::vector<Op>& {
    return unit.segments[static_cast<std::size_t>(segment_of(part))].ops;
  };
  const auto& forward = ops(mtp, mtp.parts.attention_forward);
  const auto& of_layer = ops(layer, layer.parts.attention_forward);
  EXPECT_EQ(forward.front().kind, OpKind::kEmbed);
  EXPECT_TRUE(std::ranges::equal(
      of_layer, std::vector<Op>(forward.end() - std::ssize(of_layer), forward.end())));
  const auto& backward = ops(mtp, mtp.parts.attention_input_gradient);
  const auto& layers_own = ops(layer, layer.parts.attention_input_gradient);
  EXPECT_GT(backward.size(), layers_own.size());
  EXPECT_TRUE(std::ranges::equal(
      layers_own, std::vector<Op>(backward.begin(), backward.begin() + std::ssize(layers_own))));
}

TEST(EmbeddingAndHead, HaveNoAttention) {
  for (const UnitKind kind : {UnitKind::kEmbedding, UnitKind::kHead}) {
    const UnitOps unit(kind);
    EXPECT_TRUE(unit.parts.attention_forward.empty());
    EXPECT_TRUE(unit.parts.attention_input_gradient.empty());
    EXPECT_TRUE(unit.parts.attention_weight_gradient.empty());
    EXPECT_FALSE(unit.parts.mlp_forward.empty());
    EXPECT_FALSE(unit.parts.mlp_weight_gradient.empty());
  }
  EXPECT_TRUE(UnitOps(UnitKind::kEmbedding).parts.mlp_input_gradient.empty());
}

TEST(Experts, AreInMoeAndMtpLayersOnly) {
  for (const UnitKind kind : {UnitKind::kEmbedding,
                              UnitKind::kDenseLayer,
                              UnitKind::kMoeLayer,
                              UnitKind::kMtpLayer,
                              UnitKind::kHead}) {
    const UnitOps unit(kind);
    const bool grouped = std::ranges::any_of(unit.segments, [](const Segment& segment) {
      return std::ranges::count(segment.ops, OpKind::kGroupedGemm, &Op::kind) > 0;
    });
    EXPECT_EQ(grouped, has_experts(kind, small_model()));
  }
}

TEST(DenseModels, HaveNoExpertsInAnyUnit) {
  const Architecture dense = small_dense_model();
  for (const UnitKind kind : {UnitKind::kDenseLayer, UnitKind::kMoeLayer, UnitKind::kMtpLayer}) {
    EXPECT_FALSE(has_experts(kind, dense));
  }
}

TEST(UnitsWithAWindow, DifferFromThoseWithoutInAttentionAlone) {
  const Architecture model = small_dense_model();
  const TokenShard shard{.tokens = 2048, .context = 2048};
  std::vector<Segment> with;
  std::vector<Segment> without;
  add_unit_parts({.kind = UnitKind::kDenseLayer, .window = 512}, model, shard, {}, {}, with);
  add_unit_parts({.kind = UnitKind::kDenseLayer}, model, shard, {}, {}, without);
  ASSERT_EQ(with.size(), without.size());
  for (std::size_t i = 0; i < with.size(); ++i) {
    EXPECT_NE(with[i].name, without[i].name);
    ASSERT_EQ(with[i].ops.size(), without[i].ops.size());
    for (std::size_t op = 0; op < with[i].ops.size(); ++op) {
      const bool attention = family(with[i].ops[op].kind) == OpFamily::kAttention;
      EXPECT_EQ(with[i].ops[op] == without[i].ops[op], !attention);
      EXPECT_LE(flops(with[i].ops[op]), flops(without[i].ops[op]));
    }
  }
}

}  // namespace
}  // namespace towtank
