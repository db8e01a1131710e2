// Layers on stages: nothing lost, nothing torn, and no better balance one layer away.
#include "sim/plan/stages.hpp"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/model/layer_ops.hpp"
#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

TrainingPlan plan_of(const std::vector<int>& stage_layers = {}) {
  TrainingPlan plan;
  plan.sequence = 4096;
  plan.stage_layers = stage_layers;
  return plan;
}

std::vector<int> layer_counts(const std::vector<Stage>& stages) {
  std::vector<int> counts;
  counts.reserve(stages.size());
  for (const Stage& stage : stages) {
    counts.push_back(stage.layers);
  }
  return counts;
}

std::int64_t count(const std::vector<Stage>& stages, UnitKind kind) {
  std::int64_t found = 0;
  for (const Stage& stage : stages) {
    found += std::ranges::count(stage.units, kind, &Unit::kind);
  }
  return found;
}

double forward_flop(UnitKind unit, const Architecture& model, std::int64_t window = 0) {
  const TrainingPlan plan = plan_of();
  const TokenShard shard = {.tokens = plan.sequence,
                            .context = plan.sequence,
                            .local_experts = model.moe.experts,
                            .expert_rows = plan.sequence * model.moe.top_k};
  constexpr LayerPass kPass = LayerPass::kForward;
  std::vector<std::vector<Op>> parts;
  if (unit == UnitKind::kHead) {
    parts = {head_ops(model, shard, plan.recipe, kPass)};
  } else if (unit != UnitKind::kEmbedding) {
    parts = {attention_ops(model, shard, plan.recipe, kPass, window)};
    if (!has_experts(unit, model)) {
      parts.push_back(dense_mlp_ops(model, shard, plan.recipe, kPass));
    } else {
      parts.push_back(router_ops(model, shard, plan.recipe, kPass));
      parts.push_back(expert_ops(model, shard, plan.recipe, kPass));
    }
    if (unit == UnitKind::kMtpLayer) {
      parts.push_back(mtp_join_ops(model, shard, plan.recipe, kPass));
    }
  }
  double sum = 0.0;
  for (const std::vector<Op>& part : parts) {
    for (const Op& op : part) {
      sum += flops(op) / TFLOP;
    }
  }
  return sum;
}

double sum_of_squares(const std::vector<Stage>& stages, const Architecture& model) {
  double sum = 0.0;
  for (const Stage& stage : stages) {
    double load = 0.0;
    for (const Unit& unit : stage.units) {
      load += forward_flop(unit.kind, model, unit.window);
    }
    sum += load * load;
  }
  return sum;
}

TEST(Stages, HoldEveryLayerOnceInOrder) {
  for (const Architecture& model : {deepseek_v3(),
                                    deepseek_v2(),
                                    small_model(),
                                    small_dense_model(),
                                    small_interleaved_model()}) {
    for (int stages = 1; stages <= model.layers; ++stages) {
      const std::vector<Stage> made = make_stages(model, plan_of(), stages);
      ASSERT_EQ(made.size(), static_cast<std::size_t>(stages));
      int next = 0;
      for (const Stage& stage : made) {
        EXPECT_EQ(stage.first_layer, next);
        EXPECT_GE(stage.layers, 1);
        next += stage.layers;
      }
      EXPECT_EQ(next, model.layers);
      EXPECT_EQ(count(made, UnitKind::kDenseLayer), model.layers - layers_with_experts(model));
      EXPECT_EQ(count(made, UnitKind::kMoeLayer), layers_with_experts(model));
      EXPECT_EQ(count(made, UnitKind::kMtpLayer), model.mtp_modules);
      EXPECT_EQ(count(made, UnitKind::kHead), 1 + model.mtp_modules);
      EXPECT_EQ(count(made, UnitKind::kEmbedding), 1);
    }
  }
}

TEST(Stages, StartWithTheEmbeddingAndDenseLayersAndEndWithHeadAndMtp) {
  const std::vector<Stage> made = make_stages(small_model(), plan_of(), 3);
  EXPECT_EQ(made.front().units[0].kind, UnitKind::kEmbedding);
  EXPECT_EQ(made.front().units[1].kind, UnitKind::kDenseLayer);
  const std::vector<Unit> end = {
      {.kind = UnitKind::kHead}, {.kind = UnitKind::kMtpLayer}, {.kind = UnitKind::kHead}};
  const std::vector<Unit>& units = made.back().units;
  ASSERT_GE(units.size(), end.size());
  EXPECT_EQ(std::vector<Unit>(units.end() - 3, units.end()), end);
}

// Every second layer of Llama 4 Maverick has experts, the first has none; every fourth sees all.
TEST(Stages, InterleaveExpertsAndWindowsAsTheModelDoes) {
  const std::vector<Unit> units = make_stages(llama4_maverick(), plan_of(), 1).front().units;
  ASSERT_EQ(units.size(), 50U);
  const Unit dense{.kind = UnitKind::kDenseLayer, .window = 8192};
  const Unit experts{.kind = UnitKind::kMoeLayer, .window = 8192};
  const Unit all_keys{.kind = UnitKind::kMoeLayer};
  for (std::size_t layer = 0; layer < 48; layer += 4) {
    EXPECT_EQ(std::vector<Unit>(&units[1 + layer], &units[1 + layer] + 4),
              (std::vector<Unit>{dense, experts, dense, all_keys}));
  }
}

TEST(BalancedStages, OfEqualLayersGiveTheHeadAsManyAsItWeighs) {
  const Architecture model = llama31_8b();
  const std::vector<int> layers = layer_counts(make_stages(model, plan_of(), 4));
  const double head = forward_flop(UnitKind::kHead, model);
  const double layer = forward_flop(UnitKind::kDenseLayer, model);
  EXPECT_NEAR(layers[0] - layers[3], head / layer, 1.0);
  EXPECT_LE(layers[0] - layers[2], 1);
}

// The MTP module and two heads weigh about three layers, so the last stage takes one of its own.
TEST(DeepSeekV3, FillsSixteenStagesWithFourLayersEachAndOneOnTheLast) {
  std::vector<int> expected(16, 4);
  expected.back() = 1;
  EXPECT_EQ(layer_counts(make_stages(deepseek_v3(), plan_of(), 16)), expected);
  const Architecture model = deepseek_v3();
  const double extra =
      2.0 * forward_flop(UnitKind::kHead, model) + forward_flop(UnitKind::kMtpLayer, model);
  const double in_layers = extra / forward_flop(UnitKind::kMoeLayer, model);
  EXPECT_GT(in_layers, 3.0);
  EXPECT_LT(in_layers, 5.0);
}

TEST(BalancedStages, AreNoBetterWithOneLayerMovedToANeighbour) {
  for (const Architecture& model :
       {deepseek_v3(), small_model(), small_dense_model(), small_interleaved_model()}) {
    for (int stages = 2; stages <= model.layers; stages += 1 + stages / 3) {
      const std::vector<Stage> made = make_stages(model, plan_of(), stages);
      const double best = sum_of_squares(made, model);
      for (std::size_t i = 0; i + 1 < made.size(); ++i) {
        for (const int moved : {-1, 1}) {
          std::vector<int> layers = layer_counts(made);
          layers[i] += moved;
          layers[i + 1] -= moved;
          if (layers[i] > 0 && layers[i + 1] > 0) {
            const std::vector<Stage> other = make_stages(model, plan_of(layers), stages);
            EXPECT_GE(sum_of_squares(other, model), best * (1.0 - 1e-12))
                << stages << " stages, layer moved at " << i;
          }
        }
      }
    }
  }
}

TEST(GivenStages, AreTakenAsTheyAre) {
  const std::vector<int> layers = {1, 5, 3};
  EXPECT_EQ(layer_counts(make_stages(small_model(), plan_of(layers), 3)), layers);
}

TEST(GivenStages, MustHoldTheModelsLayers) {
  EXPECT_THROW(make_stages(small_model(), plan_of({1, 5, 4}), 3), BrokenClaim);
  EXPECT_THROW(make_stages(small_model(), plan_of({4, 5}), 3), BrokenClaim);
  EXPECT_THROW(make_stages(small_model(), plan_of(), 10), BrokenClaim);
}

}  // namespace
}  // namespace towtank
