// What recipes change about a block's operations: what is computed again, in which precision linear
// layers are, how the loss is taken.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sim/model/layer_ops.hpp"
#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

constexpr LayerPass kPasses[] = {
    LayerPass::kForward, LayerPass::kInputGradient, LayerPass::kWeightGradient};
constexpr std::int64_t kTokens = 512;
constexpr Recompute kAllInner{.norms = true,
                              .up_projections = true,
                              .swiglu = true,
                              .core_attention = true,
                              .shared_experts = true};

TokenShard shard_of(const Architecture& model, std::int64_t tensor) {
  return {.tokens = kTokens,
          .context = kTokens,
          .local_experts = model.moe.experts / 4,
          .expert_rows = kTokens / tensor * model.moe.top_k,
          .tensor = tensor};
}

using Block = std::function<std::vector<Op>(
    const Architecture&, const TokenShard&, const Recipe&, LayerPass)>;

std::vector<Op> attention(const Architecture& model,
                          const TokenShard& shard,
                          const Recipe& recipe,
                          LayerPass pass) {
  return attention_ops(model, shard, recipe, pass, 0);
}

const std::vector<std::pair<std::string, Block>>& blocks() {
  static const std::vector<std::pair<std::string, Block>> kBlocks = {
      {"attention", attention},
      {"router", router_ops},
      {"experts", expert_ops},
      {"dense MLP", dense_mlp_ops},
      {"head", head_ops},
      {"MTP join", mtp_join_ops},
  };
  return kBlocks;
}

std::vector<Architecture> models() {
  return {small_model(), small_dense_model(), small_interleaved_model()};
}

Recipe bf16(const Recompute& recompute) {
  return {.gemm = Precision::kBf16, .recompute = recompute};
}

/// The operations of `more` that `less` has not, in order; `less` must be part of `more`.
std::vector<Op> added(std::vector<Op> more, const std::vector<Op>& less) {
  for (const Op& op : less) {
    const auto found = std::ranges::find(more, op);
    EXPECT_NE(found, more.end()) << describe(op) << " is missing";
    if (found != more.end()) {
      more.erase(found);
    }
  }
  return more;
}

std::vector<OpKind> kinds(const std::vector<Op>& ops) {
  std::vector<OpKind> result;
  result.reserve(ops.size());
  for (const Op& op : ops) {
    result.push_back(op.kind);
  }
  return result;
}

std::int64_t count(const std::vector<Op>& ops, OpKind kind) {
  return std::ranges::count(ops, kind, &Op::kind);
}

std::vector<Op> in_all_passes(const Block& ops,
                              const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe) {
  std::vector<Op> all;
  for (const LayerPass pass : kPasses) {
    const std::vector<Op> of_pass = ops(model, shard, recipe, pass);
    all.insert(all.end(), of_pass.begin(), of_pass.end());
  }
  return all;
}

TEST(RecomputedAttention, RunsItsForwardKernelRightBeforeItsBackwardOne) {
  for (const Architecture& model : models()) {
    SCOPED_TRACE(model.name);
    const TokenShard shard = shard_of(model, 2);
    const auto of = [&](const Recompute& flags, LayerPass pass) {
      return attention(model, shard, bf16(flags), pass);
    };
    const Recompute core{.core_attention = true};
    const std::vector<Op> forward = of({}, LayerPass::kForward);
    const std::vector<Op> again = of(core, LayerPass::kInputGradient);
    const auto kernel = std::ranges::find(forward, OpKind::kAttentionForward, &Op::kind);
    EXPECT_EQ(added(again, of({}, LayerPass::kInputGradient)), std::vector<Op>{*kernel});
    const auto place = std::ranges::find(again, *kernel);
    EXPECT_EQ(std::next(place)->kind, OpKind::kAttentionBackward);
    EXPECT_EQ(of(core, LayerPass::kForward), forward);
    EXPECT_EQ(of(core, LayerPass::kWeightGradient), of({}, LayerPass::kWeightGradient));
  }
}

TEST(RecomputedSharedExperts, RunForwardOnceMoreWithTheirCommunication) {
  const Architecture model = small_model();
  const Recompute shared{.shared_experts = true};
  const auto kinds_added = [&](std::int64_t tensor) {
    const TokenShard shard = shard_of(model, tensor);
    return kinds(added(expert_ops(model, shard, bf16(shared), LayerPass::kInputGradient),
                       expert_ops(model, shard, bf16({}), LayerPass::kInputGradient)));
  };
  EXPECT_EQ(kinds_added(1), (std::vector<OpKind>{OpKind::kGemm, OpKind::kSwiGlu, OpKind::kGemm}));
  const std::vector<OpKind> with_ranks = kinds_added(4);
  EXPECT_EQ(with_ranks.size(), 5u);
  EXPECT_EQ(std::ranges::count(with_ranks, OpKind::kAllGather), 1);
  EXPECT_EQ(std::ranges::count(with_ranks, OpKind::kReduceScatter), 1);
  Architecture unshared = model;
  unshared.moe.shared_experts = 0;
  const TokenShard shard = shard_of(unshared, 1);
  EXPECT_EQ(expert_ops(unshared, shard, bf16(shared), LayerPass::kInputGradient),
            expert_ops(unshared, shard, bf16({}), LayerPass::kInputGradient));
}

// The graph runs the forward pass again, which gives everything the flags would.
TEST(RecomputedLayers, ComputeNothingTwiceWithinABlock) {
  for (const Precision gemm : {Precision::kBf16, Precision::kFp8Block, Precision::kFp8}) {
    for (const Architecture& model : models()) {
      for (const auto& [name, ops] : blocks()) {
        const auto of = [&, &block = ops](const Recompute& flags) {
          return in_all_passes(
              block, model, shard_of(model, 2), {.gemm = gemm, .recompute = flags});
        };
        Recompute layers = kAllInner;
        layers.layers = true;
        EXPECT_EQ(of(layers), of({})) << name;
        Recompute mlps = kAllInner;
        mlps.mlp = true;
        EXPECT_EQ(of(mlps), name == "attention" ? of(kAllInner) : of({})) << name;
      }
    }
  }
}

bool is_cast(const Op& op) {
  return op.kind == OpKind::kQuantize || op.kind == OpKind::kTransposeQuantize ||
         op.kind == OpKind::kTranspose;
}

TEST(QuantisedRecipes, AddCastsAndNothingElse) {
  for (const Precision gemm : {Precision::kFp8Block, Precision::kFp8, Precision::kFp4}) {
    for (const Architecture& model : models()) {
      for (const auto& [name, ops] : blocks()) {
        const TokenShard shard = shard_of(model, 2);
        std::vector<Op> quantised = in_all_passes(ops, model, shard, {.gemm = gemm});
        std::erase_if(quantised, is_cast);
        EXPECT_EQ(kinds(quantised), kinds(in_all_passes(ops, model, shard, bf16({})))) << name;
      }
    }
  }
}

TEST(QuantisedRecipes, KeepHeadRouterAndTheCoreOfAttentionHigh) {
  for (const Precision gemm : {Precision::kFp8, Precision::kFp4}) {
    for (const auto& [name, ops] : blocks()) {
      for (const Op& op :
           in_all_passes(ops, small_model(), shard_of(small_model(), 2), {.gemm = gemm})) {
        const bool linear = std::holds_alternative<GemmShape>(op.shape);
        const bool stays_high = name == "head" || name == "router";
        if (linear || family(op.kind) == OpFamily::kAttention) {
          EXPECT_EQ(op.precision == gemm, linear && !stays_high) << name << ": " << describe(op);
        }
      }
    }
  }
}

// Both operands of a weight gradient must lie with the tokens innermost: their casts see to that,
// or a transposition of what was cast for another GEMM or gathered.
TEST(QuantisedRecipes, LayBothOperandsOfEveryWeightGradientAlongTheTokens) {
  for (const Precision gemm : {Precision::kFp8Block, Precision::kFp8, Precision::kFp4}) {
    for (const std::int64_t tensor : {1, 4}) {
      for (const auto& [name, ops] : blocks()) {
        const std::vector<Op> all =
            in_all_passes(ops, small_model(), shard_of(small_model(), tensor), {.gemm = gemm});
        const auto weight_gemms = std::ranges::count_if(all, [&](const Op& op) {
          return op.kind == OpKind::kWeightGemm && op.precision == gemm;
        });
        const bool by_transposing = gemm == Precision::kFp8;
        EXPECT_EQ(count(all, OpKind::kTransposeQuantize) +
                      (by_transposing ? count(all, OpKind::kTranspose) : 0),
                  2 * weight_gemms)
            << name << " in " << towtank::name(gemm) << " on " << tensor;
      }
    }
  }
}

// Transformer Engine's norm casts for the linear layer after it; other casts also transpose.
TEST(TensorScaledFp8, CastsInTheNormAndTransposesInItsOtherCasts) {
  const Architecture model = small_dense_model();
  const std::vector<Op> forward =
      dense_mlp_ops(model, shard_of(model, 1), {.gemm = Precision::kFp8}, LayerPass::kForward);
  EXPECT_EQ(kinds(forward),
            (std::vector<OpKind>{OpKind::kNorm,
                                 OpKind::kGemm,
                                 OpKind::kActivation,
                                 OpKind::kTransposeQuantize,
                                 OpKind::kGemm,
                                 OpKind::kAdd}));
  const double elements = static_cast<double>(kTokens * model.hidden);
  EXPECT_EQ(memory_traffic(forward.front()) / byte, elements * (2.0 + 1.0));
  const std::vector<Op> on_two = dense_mlp_ops(
      model, shard_of(model, 2), {.gemm = Precision::kFp8}, LayerPass::kInputGradient);
  EXPECT_EQ(on_two.front().kind, OpKind::kQuantize);
  EXPECT_EQ(on_two[1].kind, OpKind::kAllGather);
}

TEST(QuantisedRecipes, GatherWhatTheyStore) {
  const Architecture model = small_dense_model();
  const TokenShard shard = shard_of(model, 4);
  const auto bytes_an_element = [&](Precision gemm, LayerPass pass) {
    const std::vector<Op> ops = dense_mlp_ops(model, shard, {.gemm = gemm}, pass);
    const auto gather = std::ranges::find(ops, OpKind::kAllGather, &Op::kind);
    return static_cast<double>(std::get<CollectiveShape>(gather->shape).bytes) /
           static_cast<double>(kTokens * model.hidden);
  };
  constexpr double kBlock = 1.0 + 4.0 / 128.0;
  constexpr double kNvFp4 = 0.5 + 1.0 / 16.0;
  for (const LayerPass pass : {LayerPass::kForward, LayerPass::kWeightGradient}) {
    EXPECT_EQ(bytes_an_element(Precision::kBf16, pass), 2.0);
    EXPECT_EQ(bytes_an_element(Precision::kFp8Block, pass), kBlock);
    EXPECT_EQ(bytes_an_element(Precision::kFp8, pass), 1.0);
    EXPECT_EQ(bytes_an_element(Precision::kFp4, pass), kNvFp4);
  }
  // Of gradients both copies where scales are of small blocks.
  EXPECT_EQ(bytes_an_element(Precision::kBf16, LayerPass::kInputGradient), 2.0);
  EXPECT_EQ(bytes_an_element(Precision::kFp8Block, LayerPass::kInputGradient), 2.0 * kBlock);
  EXPECT_EQ(bytes_an_element(Precision::kFp8, LayerPass::kInputGradient), 1.0);
  EXPECT_EQ(bytes_an_element(Precision::kFp4, LayerPass::kInputGradient), 2.0 * kNvFp4);
}

TEST(Loss, IsTakenAsTheRecipeSays) {
  const Architecture model = small_dense_model();
  const auto traffic = [&](Loss loss) {
    const Recipe recipe{.gemm = Precision::kBf16, .loss = loss};
    double bytes = 0.0;
    for (const Op& op : in_all_passes(head_ops, model, shard_of(model, 1), recipe)) {
      const auto* rows = std::get_if<SweepShape>(&op.shape);
      const bool of_logits = rows != nullptr && rows->columns == model.vocabulary;
      bytes += of_logits ? memory_traffic(op) / byte : 0.0;
    }
    return bytes / static_cast<double>(kTokens * model.vocabulary);
  };
  EXPECT_EQ(traffic(Loss::kWhole), 14.0 + 14.0);
  EXPECT_EQ(traffic(Loss::kParallel), 38.0 + 14.0);
  EXPECT_EQ(traffic(Loss::kFused), 6.0 + 4.0);
}

}  // namespace
}  // namespace towtank
