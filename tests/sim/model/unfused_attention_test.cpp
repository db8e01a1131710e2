// Attention with its scores in memory, and what dropout adds to a layer.
#include "sim/model/unfused_attention.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/model/layer_ops.hpp"
#include "sim/model/parameters.hpp"
#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

constexpr LayerPass kPasses[] = {
    LayerPass::kForward, LayerPass::kInputGradient, LayerPass::kWeightGradient};
constexpr std::int64_t kSequence = 2048;
constexpr std::int64_t kBatch = 2;

/// The core of GPT-3's attention (s = 2048, a = 96, h = 12288) on one of `ranks`.
Op gpt3_core(OpKind kind, std::int64_t ranks = 1) {
  return {.kind = kind,
          .precision = Precision::kBf16,
          .shape = AttentionShape{.batch = kBatch,
                                  .heads = 96 / ranks,
                                  .query = kSequence,
                                  .context = kSequence,
                                  .qk_dim = 128,
                                  .v_dim = 128}};
}

double work(const std::vector<Op>& ops) {
  double sum = 0.0;
  for (const Op& op : ops) {
    sum += flops(op) / flop;
  }
  return sum;
}

double whole_matrix_work(const std::vector<Op>& ops) {
  double sum = 0.0;
  for (const Op& op : ops) {
    sum += model_flops_full_attention(op) / flop;
  }
  return sum;
}

double traffic(const std::vector<Op>& ops) {
  double sum = 0.0;
  for (const Op& op : ops) {
    sum += memory_traffic(op) / byte;
  }
  return sum;
}

std::vector<OpKind> kinds(const std::vector<Op>& ops) {
  std::vector<OpKind> result;
  result.reserve(ops.size());
  for (const Op& op : ops) {
    result.push_back(op.kind);
  }
  return result;
}

std::vector<Op> layer(const Architecture& model, const Recipe& recipe, LayerPass pass) {
  const TokenShard shard{.tokens = kSequence, .context = kSequence};
  std::vector<Op> ops = attention_ops(model, shard, recipe, pass, 0);
  const std::vector<Op> mlp = dense_mlp_ops(model, shard, recipe, pass);
  ops.insert(ops.end(), mlp.begin(), mlp.end());
  return ops;
}

std::vector<Architecture> models() {
  return {gpt3_175b(), llama31_8b(), small_model()};
}

// arXiv 2205.05198, appendix A: 2 B s^2 h each for the attention matrix and attention over values;
// twice as much backward.
TEST(UnfusedAttention, DoesTheWorkThatKorthikantiCounts) {
  const double two_products = 4.0 * kBatch * kSequence * kSequence * 12288.0;
  EXPECT_EQ(work(unfused_attention_ops(gpt3_core(OpKind::kAttentionForward), true)), two_products);
  EXPECT_EQ(work(unfused_attention_ops(gpt3_core(OpKind::kAttentionBackward), true)),
            2.0 * two_products);
}

TEST(UnfusedAttention, MultipliesTheWholeMatrixOfWhichTheFusedOneNeedsHalf) {
  for (const OpKind kind : {OpKind::kAttentionForward, OpKind::kAttentionBackward}) {
    const Op fused = gpt3_core(kind);
    const std::vector<Op> parts = unfused_attention_ops(fused, false);
    EXPECT_EQ(whole_matrix_work(parts), whole_matrix_work({fused}));
    EXPECT_EQ(work(parts), 2.0 * (model_flops(fused) / flop));
  }
}

// Bytes that each kernel reads and writes of an element of the scores (s = scores, p =
// probabilities, m = mask, d = dropped probabilities), causal softmax half of what it reads. Of
// queries, keys, values and outputs every product has two, read or written.
TEST(UnfusedAttention, PassesOverTheScoresInMemory) {
  const double scores = 96.0 * kBatch * kSequence * kSequence;
  const double rows = 12288.0 * kBatch * kSequence;
  const auto bytes = [](OpKind kind, bool dropout) {
    return traffic(unfused_attention_ops(gpt3_core(kind), dropout));
  };
  const double product_s = 2.0;
  const double softmax_s_p = 1.0 + 2.0;
  const double dropout_p_d_m = 2.0 + 2.0 + 1.0;
  const double read = 2.0;
  EXPECT_EQ(bytes(OpKind::kAttentionForward, false),
            scores * (product_s + softmax_s_p + read) + 2.0 * (2.0 * 2.0 * rows));
  EXPECT_EQ(bytes(OpKind::kAttentionForward, true) - bytes(OpKind::kAttentionForward, false),
            scores * dropout_p_d_m);
  const double softmax_p_dp_ds = 1.0 + 1.0 + 2.0;
  EXPECT_EQ(bytes(OpKind::kAttentionBackward, false),
            scores * (product_s + softmax_p_dp_ds + 3.0 * read) + 4.0 * (2.0 * 2.0 * rows));
  EXPECT_EQ(bytes(OpKind::kAttentionBackward, true) - bytes(OpKind::kAttentionBackward, false),
            scores * dropout_p_d_m);
}

TEST(UnfusedAttention, IsSharedByTensorRanksWithNothingTwice) {
  for (const OpKind kind : {OpKind::kAttentionForward, OpKind::kAttentionBackward}) {
    const std::vector<Op> whole = unfused_attention_ops(gpt3_core(kind), true);
    for (const std::int64_t ranks : {2, 8}) {
      const std::vector<Op> part = unfused_attention_ops(gpt3_core(kind, ranks), true);
      EXPECT_EQ(static_cast<double>(ranks) * work(part), work(whole));
      EXPECT_EQ(static_cast<double>(ranks) * traffic(part), traffic(whole));
    }
  }
}

TEST(UnfusedAttention, ComputesWhatAWindowHides) {
  Op fused = gpt3_core(OpKind::kAttentionForward);
  const std::vector<Op> all = unfused_attention_ops(fused, false);
  std::get<AttentionShape>(fused.shape).window = 128;
  EXPECT_EQ(unfused_attention_ops(fused, false), all);
}

TEST(UnfusedAttention, OfDecodingIsABug) {
  EXPECT_THROW(unfused_attention_ops(gpt3_core(OpKind::kAttentionDecode), false), BrokenClaim);
}

/// `ops` with their fused attention taken apart.
std::vector<Op> taken_apart(const std::vector<Op>& ops, bool dropout) {
  std::vector<Op> result;
  for (const Op& op : ops) {
    const std::vector<Op> parts = family(op.kind) == OpFamily::kAttention
                                      ? unfused_attention_ops(op, dropout)
                                      : std::vector<Op>{op};
    result.insert(result.end(), parts.begin(), parts.end());
  }
  return result;
}

TEST(UnfusedRecipe, TakesEveryAttentionApartAndChangesNothingElse) {
  for (const bool again : {false, true}) {
    for (const Architecture& model : models()) {
      for (const LayerPass pass : kPasses) {
        Recipe recipe{.gemm = Precision::kBf16, .recompute = {.core_attention = again}};
        const std::vector<Op> fused = layer(model, recipe, pass);
        recipe.fused_attention = false;
        EXPECT_EQ(layer(model, recipe, pass), taken_apart(fused, false)) << model.name;
      }
    }
  }
}

TEST(UnfusedRecipe, RunsTheWholeForwardCoreAgainWhereItIsNotKept) {
  const Recipe recipe{.gemm = Precision::kBf16,
                      .recompute = {.core_attention = true},
                      .fused_attention = false,
                      .dropout = true};
  const std::vector<OpKind> of_layer = kinds(layer(gpt3_175b(), recipe, LayerPass::kInputGradient));
  const std::vector<OpKind> core = {OpKind::kBatchedGemm,
                                    OpKind::kSoftmax,
                                    OpKind::kDropout,
                                    OpKind::kBatchedGemm,
                                    OpKind::kBatchedGemm,
                                    OpKind::kBatchedGemm,
                                    OpKind::kDropoutBackward,
                                    OpKind::kSoftmaxBackward,
                                    OpKind::kBatchedGemm,
                                    OpKind::kBatchedGemm};
  EXPECT_NE(std::search(of_layer.begin(), of_layer.end(), core.begin(), core.end()),
            of_layer.end());
}

// What a model needs does not depend on the kernels: the work of utilisation figures is counted
// from the model alone, and agrees with what an unfused layer multiplies.
TEST(UnfusedRecipe, MultipliesWhatTheFullCountOfTheModelHas) {
  Architecture model = gpt3_175b();
  model.layers = 1;
  const Recipe recipe{.gemm = Precision::kBf16, .fused_attention = false};
  const TokenShard shard{.tokens = kSequence, .context = kSequence};
  double layer_work = 0.0;
  double head_work = 0.0;
  for (const LayerPass pass : kPasses) {
    layer_work += work(layer(model, recipe, pass));
    head_work += work(head_ops(model, shard, recipe, pass));
  }
  const Flops per_token = training_flops_per_token(model, kSequence, AttentionCount::kFull);
  EXPECT_DOUBLE_EQ((layer_work + head_work) / (kSequence * (per_token / flop)), 1.0);
}

TEST(Dropout, OfBlockResultsIsFusedWithTheResidualAndUndoneByAKernelOfItsOwn) {
  for (const Architecture& model : models()) {
    const Recipe without{.gemm = Precision::kBf16};
    const Recipe with{.gemm = Precision::kBf16, .dropout = true};
    std::vector<OpKind> forward = kinds(layer(model, without, LayerPass::kForward));
    std::ranges::replace(forward, OpKind::kAdd, OpKind::kDropoutAdd);
    EXPECT_EQ(kinds(layer(model, with, LayerPass::kForward)), forward);
    std::vector<Op> backward = layer(model, with, LayerPass::kInputGradient);
    EXPECT_EQ(backward.front(),
              (Op{.kind = OpKind::kDropoutBackward,
                  .precision = Precision::kBf16,
                  .shape = SweepShape{kSequence, model.hidden}}));
    EXPECT_EQ(
        std::erase_if(backward, [](const Op& op) { return op.kind == OpKind::kDropoutBackward; }),
        2u);
    EXPECT_EQ(backward, layer(model, without, LayerPass::kInputGradient));
    EXPECT_EQ(layer(model, with, LayerPass::kWeightGradient),
              layer(model, without, LayerPass::kWeightGradient));
  }
}

TEST(Dropout, WritesAByteAnElementMore) {
  const auto bytes = [](OpKind kind) {
    return memory_traffic(
               {.kind = kind, .precision = Precision::kBf16, .shape = SweepShape{10, 100}}) /
           byte / 1000.0;
  };
  EXPECT_EQ(bytes(OpKind::kDropoutAdd) - bytes(OpKind::kAdd), 1.0);
  EXPECT_EQ(bytes(OpKind::kDropout), 2.0 + 2.0 + 1.0);
  EXPECT_EQ(bytes(OpKind::kDropoutBackward), 2.0 + 1.0 + 2.0);
}

}  // namespace
}  // namespace towtank
