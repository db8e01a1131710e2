// What a block computes in each pass, and what recipes add to it.
#include "sim/model/layer_ops.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sim/model/parameters.hpp"
#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

constexpr LayerPass kPasses[] = {
    LayerPass::kForward, LayerPass::kInputGradient, LayerPass::kWeightGradient};
constexpr std::int64_t kTokens = 512;

TokenShard shard_of(const Architecture& model) {
  return {.tokens = kTokens,
          .context = kTokens,
          .local_experts = model.moe.experts / 4,
          .expert_rows = kTokens * model.moe.top_k};
}

/// A block's operations in a pass.
using Block = std::function<std::vector<Op>(const Architecture&, const Recipe&, LayerPass)>;

template <typename Function>
Block block(Function ops) {
  return [ops](const Architecture& model, const Recipe& recipe, LayerPass pass) {
    return ops(model, shard_of(model), recipe, pass);
  };
}

Block attention_block() {
  return [](const Architecture& model, const Recipe& recipe, LayerPass pass) {
    return attention_ops(model, shard_of(model), recipe, pass, 0);
  };
}

const std::vector<std::pair<std::string, Block>>& blocks() {
  static const std::vector<std::pair<std::string, Block>> kBlocks = {
      {"attention", attention_block()},
      {"router", block(router_ops)},
      {"experts", block(expert_ops)},
      {"dense MLP", block(dense_mlp_ops)},
      {"embedding",
       [](const Architecture& model, const Recipe&, LayerPass pass) {
         return embedding_ops(model, shard_of(model), pass);
       }},
      {"head", block(head_ops)},
      {"MTP join", block(mtp_join_ops)},
  };
  return kBlocks;
}

Recipe recipe(Precision gemm) {
  return {.gemm = gemm, .recompute = {}};
}

std::vector<Op> in_all_passes(const Block& ops, const Architecture& model, const Recipe& how) {
  std::vector<Op> all;
  for (const LayerPass pass : kPasses) {
    const std::vector<Op> of_pass = ops(model, how, pass);
    all.insert(all.end(), of_pass.begin(), of_pass.end());
  }
  return all;
}

/// The operations of `more` that `less` has not; `less` must be part of `more`.
std::vector<Op> added(const std::vector<Op>& more, const std::vector<Op>& less) {
  std::vector<Op> rest = more;
  for (const Op& op : less) {
    const auto found = std::ranges::find(rest, op);
    EXPECT_NE(found, rest.end()) << describe(op) << " is missing";
    if (found != rest.end()) {
      rest.erase(found);
    }
  }
  return rest;
}

bool is_cast(const Op& op) {
  return op.kind == OpKind::kQuantize || op.kind == OpKind::kTransposeQuantize ||
         op.kind == OpKind::kTranspose;
}

std::vector<OpKind> kinds(const std::vector<Op>& ops) {
  std::vector<OpKind> result;
  result.reserve(ops.size());
  for (const Op& op : ops) {
    result.push_back(op.kind);
  }
  std::ranges::sort(result);
  return result;
}

double gemm_flop(const std::vector<Op>& ops) {
  double sum = 0.0;
  for (const Op& op : ops) {
    if (std::holds_alternative<GemmShape>(op.shape)) {
      sum += flops(op) / flop;
    }
  }
  return sum;
}

bool is_empty(const Op& op) {
  if (const auto* gemm = std::get_if<GemmShape>(&op.shape)) {
    return gemm->m * gemm->n * gemm->k * gemm->groups <= 0;
  }
  if (const auto* sweep = std::get_if<SweepShape>(&op.shape)) {
    return sweep->rows * sweep->columns <= 0;
  }
  const auto& attention = std::get<AttentionShape>(op.shape);
  return attention.batch * attention.heads * attention.query * attention.context <= 0;
}

TEST(LayerOps, AreNeverEmpty) {
  Architecture unshared = small_model();
  unshared.moe.shared_experts = 0;
  const Recipe all = {.gemm = Precision::kFp8Block,
                      .recompute = {.norms = true, .up_projections = true, .swiglu = true}};
  for (const Architecture& model :
       {deepseek_v3(), small_model(), unshared, small_interleaved_model()}) {
    for (const auto& [name, ops] : blocks()) {
      for (const Op& op : in_all_passes(ops, model, all)) {
        EXPECT_FALSE(is_empty(op)) << name << ": " << describe(op);
      }
    }
  }
}

TEST(Fp8Recipe, AddsCastsAndTransposesAndNothingElse) {
  const Architecture model = small_model();
  for (const auto& [name, ops] : blocks()) {
    const std::vector<Op> bf16 = in_all_passes(ops, model, recipe(Precision::kBf16));
    const std::vector<Op> fp8 = in_all_passes(ops, model, recipe(Precision::kFp8Block));
    EXPECT_EQ(std::ranges::count_if(bf16, is_cast), 0) << name;
    std::vector<Op> without_casts = fp8;
    std::erase_if(without_casts, is_cast);
    EXPECT_EQ(kinds(without_casts), kinds(bf16)) << name;
  }
  for (const auto& [name, ops] : {blocks()[0], blocks()[2], blocks()[3]}) {
    for (const LayerPass pass : kPasses) {
      const std::vector<Op> fp8 = ops(model, recipe(Precision::kFp8Block), pass);
      EXPECT_GT(std::ranges::count_if(fp8, is_cast), 0) << name;
    }
  }
}

TEST(Fp8Recipe, TransposesBothOperandsOfEveryFp8WeightGradient) {
  for (const auto& [name, ops] : blocks()) {
    const std::vector<Op> all = in_all_passes(ops, small_model(), recipe(Precision::kFp8Block));
    const auto fp8_weight_gemms = std::ranges::count_if(all, [](const Op& op) {
      return op.kind == OpKind::kWeightGemm && op.precision == Precision::kFp8Block;
    });
    EXPECT_EQ(std::ranges::count(all, OpKind::kTransposeQuantize, &Op::kind), 2 * fp8_weight_gemms)
        << name;
  }
}

TEST(Fp8Recipe, KeepsAttentionHeadRouterAndEmbeddingHigh) {
  const Recipe fp8 = recipe(Precision::kFp8Block);
  for (const Op& op : in_all_passes(attention_block(), small_model(), fp8)) {
    if (family(op.kind) == OpFamily::kAttention) {
      EXPECT_EQ(op.precision, Precision::kBf16);
    }
  }
  for (const Op& op : in_all_passes(block(router_ops), small_model(), fp8)) {
    if (std::holds_alternative<GemmShape>(op.shape)) {
      EXPECT_EQ(op.precision, Precision::kFp32);
    }
  }
  for (const Op& op : in_all_passes(block(head_ops), small_model(), fp8)) {
    EXPECT_NE(op.precision, Precision::kFp8Block) << describe(op);
  }
}

/// What switching a flag on adds to a block in one pass, in the BF16 recipe.
std::vector<Op> recomputed(const Block& ops, const Recompute& flags, LayerPass pass) {
  const Architecture model = small_model();
  return added(ops(model, {.gemm = Precision::kBf16, .recompute = flags}, pass),
               ops(model, recipe(Precision::kBf16), pass));
}

Op sweep(OpKind kind, std::int64_t columns) {
  return {.kind = kind, .precision = Precision::kBf16, .shape = SweepShape{kTokens, columns}};
}

TEST(RecomputedNorms, RunOnceMoreInTheInputGradient) {
  const Architecture model = small_model();
  const auto& mla = std::get<LatentAttention>(model.attention);
  const Recompute norms = {.norms = true};
  const std::vector<Op> latent_and_layer = {sweep(OpKind::kNorm, mla.query_rank),
                                            sweep(OpKind::kNorm, mla.key_value_rank),
                                            sweep(OpKind::kNorm, model.hidden)};
  const std::vector<Op> layer = {sweep(OpKind::kNorm, model.hidden)};
  EXPECT_EQ(recomputed(attention_block(), norms, LayerPass::kInputGradient), latent_and_layer);
  EXPECT_EQ(recomputed(block(expert_ops), norms, LayerPass::kInputGradient), layer);
  EXPECT_EQ(recomputed(block(dense_mlp_ops), norms, LayerPass::kInputGradient), layer);
}

TEST(RecomputedUpProjections, AreTheirForwardOperations) {
  const Architecture model = small_model();
  const auto& mla = std::get<LatentAttention>(model.attention);
  const std::int64_t queries = mla.heads * (mla.nope_head_dim + mla.rope_head_dim);
  const std::int64_t keys_and_values = mla.heads * (mla.nope_head_dim + mla.value_head_dim);
  const auto gemm = [](std::int64_t in, std::int64_t out) {
    return Op{.kind = OpKind::kGemm,
              .precision = Precision::kBf16,
              .shape = GemmShape{.m = kTokens, .n = out, .k = in}};
  };
  const std::vector<Op> expected = {gemm(mla.query_rank, queries),
                                    gemm(mla.key_value_rank, keys_and_values),
                                    sweep(OpKind::kRope, queries)};
  const Recompute flags = {.up_projections = true};
  EXPECT_EQ(recomputed(attention_block(), flags, LayerPass::kInputGradient), expected);
  for (const Op& op : expected) {
    const std::vector<Op> forward =
        attention_ops(model, shard_of(model), recipe(Precision::kBf16), LayerPass::kForward, 0);
    EXPECT_EQ(std::ranges::count(forward, op), 1) << describe(op);
  }
}

TEST(RecomputedSwiGlu, RunsOnceMoreBeforeTheWeightGradient) {
  const Architecture model = small_model();
  const Recompute swiglu = {.swiglu = true};
  EXPECT_EQ(recomputed(block(dense_mlp_ops), swiglu, LayerPass::kWeightGradient),
            std::vector<Op>{sweep(OpKind::kSwiGlu, model.dense_intermediate)});
  EXPECT_EQ(recomputed(block(expert_ops), swiglu, LayerPass::kWeightGradient),
            std::vector<Op>{sweep(OpKind::kSwiGlu, model.moe.intermediate)});
}

TEST(Recompute, LeavesEveryOtherPassAlone) {
  const Recompute all = {.norms = true, .up_projections = true, .swiglu = true};
  const Recompute late = {.swiglu = true};
  const Recompute early = {.norms = true, .up_projections = true};
  for (const auto& [name, ops] : blocks()) {
    EXPECT_TRUE(recomputed(ops, all, LayerPass::kForward).empty()) << name;
    EXPECT_TRUE(recomputed(ops, late, LayerPass::kInputGradient).empty()) << name;
    EXPECT_TRUE(recomputed(ops, early, LayerPass::kWeightGradient).empty()) << name;
  }
}

// What is left works on the experts' rows, not on the GPU's own tokens.
TEST(SharedExperts, LeaveNothingBehindInAModelWithoutThem) {
  Architecture unshared = small_model();
  unshared.moe.shared_experts = 0;
  const Recipe how = {.gemm = Precision::kFp8Block, .recompute = {.norms = true, .swiglu = true}};
  for (const LayerPass pass : kPasses) {
    for (const Op& op : expert_ops(unshared, shard_of(unshared), how, pass)) {
      if (op.kind == OpKind::kNorm) {
        continue;  // of the layer, whose router needs it, too
      }
      if (const auto* rows = std::get_if<SweepShape>(&op.shape)) {
        EXPECT_NE(rows->rows, kTokens) << describe(op);
      } else {
        const auto& gemm = std::get<GemmShape>(op.shape);
        EXPECT_EQ(gemm.groups, shard_of(unshared).local_experts) << describe(op);
      }
    }
  }
}

/// Without biases, which cost nothing beside their GEMMs.
void expect_two_flop_per_parameter(const Architecture& model) {
  SCOPED_TRACE(model.name);
  const BlockParameters parameters = block_parameters(model);
  const double tokens = static_cast<double>(kTokens);
  const double top_k = static_cast<double>(model.moe.top_k);
  const double hidden = static_cast<double>(model.hidden);
  const double head = hidden * static_cast<double>(model.vocabulary);
  const Recipe plain = recipe(Precision::kFp8Block);
  for (const LayerPass pass : kPasses) {
    const auto work = [&](const Block& ops) { return gemm_flop(ops(model, plain, pass)); };
    EXPECT_EQ(work(attention_block()), 2.0 * tokens * parameters.attention);
    EXPECT_EQ(work(block(dense_mlp_ops)), 2.0 * tokens * parameters.dense_mlp);
    EXPECT_EQ(work(block(expert_ops)),
              2.0 * tokens * (parameters.shared_experts + top_k * parameters.expert));
    EXPECT_EQ(work(block(head_ops)), 2.0 * tokens * head);
    EXPECT_EQ(work(block(mtp_join_ops)), 2.0 * tokens * (2.0 * hidden * hidden));
  }
}

TEST(LinearLayers, CostTwoPerParameterAndTokenInEveryPass) {
  Architecture plain_experts = small_interleaved_model();
  plain_experts.gated_mlp = false;
  Architecture dense = small_dense_model();
  dense.mlp_bias = false;
  Architecture uncompressed = small_model();
  std::get<LatentAttention>(uncompressed.attention).query_rank = 0;
  for (const Architecture& model :
       {small_model(), small_interleaved_model(), plain_experts, dense, uncompressed}) {
    expect_two_flop_per_parameter(model);
  }
}

// The router's weight gradient is taken together with its input gradient.
TEST(Router, CostsAsMuchAsItsParametersSay) {
  const Architecture model = small_model();
  const double bias = static_cast<double>(model.moe.experts);
  const double linear =
      2.0 * static_cast<double>(kTokens) * (block_parameters(model).router - bias);
  const Recipe plain = recipe(Precision::kBf16);
  const auto work = [&](LayerPass pass) {
    return gemm_flop(router_ops(model, shard_of(model), plain, pass));
  };
  EXPECT_EQ(work(LayerPass::kForward), linear);
  EXPECT_EQ(work(LayerPass::kInputGradient), 2.0 * linear);
  EXPECT_EQ(work(LayerPass::kWeightGradient), 0.0);
}

TEST(BackwardPass, IsTwiceTheForwardPassOfTheModel) {
  const Recipe plain = recipe(Precision::kFp8Block);
  for (const Architecture& model :
       {small_model(), small_interleaved_model(), small_dense_model()}) {
    for (const auto& [name, ops] : blocks()) {
      const auto work = [&, &block_ops = ops](LayerPass pass) {
        double sum = 0.0;
        for (const Op& op : block_ops(model, plain, pass)) {
          sum += model_flops(op) / flop;
        }
        return sum;
      };
      EXPECT_DOUBLE_EQ(work(LayerPass::kInputGradient) + work(LayerPass::kWeightGradient),
                       2.0 * work(LayerPass::kForward))
          << model.name << ", " << name;
    }
  }
}

std::int64_t count(const std::vector<Op>& ops, OpKind kind) {
  return std::ranges::count(ops, kind, &Op::kind);
}

TEST(PlainMlps, RunAnActivationWhereGatedOnesRunSwiGlu) {
  Architecture plain = small_interleaved_model();
  plain.gated_mlp = false;
  for (const Block& ops : {block(dense_mlp_ops), block(expert_ops)}) {
    const std::vector<Op> gated_ops =
        in_all_passes(ops, small_interleaved_model(), recipe(Precision::kBf16));
    const std::vector<Op> plain_ops = in_all_passes(ops, plain, recipe(Precision::kBf16));
    EXPECT_EQ(plain_ops.size(), gated_ops.size());
    EXPECT_EQ(count(plain_ops, OpKind::kActivation), count(gated_ops, OpKind::kSwiGlu));
    EXPECT_EQ(count(plain_ops, OpKind::kActivationBackward),
              count(gated_ops, OpKind::kSwiGluBackward));
    EXPECT_EQ(count(plain_ops, OpKind::kSwiGlu), 0);
    EXPECT_EQ(count(gated_ops, OpKind::kActivation), 0);
  }
}

TEST(GroupedAttention, ReadsTheKeysOfItsGroupsWithinItsWindow) {
  const TokenShard shard{.tokens = 1024, .sequences = 2, .context = 1024};
  for (const auto& [window, expected] : {std::pair(512, 512), std::pair(1024, 0)}) {
    const std::vector<Op> ops = attention_ops(
        small_dense_model(), shard, recipe(Precision::kBf16), LayerPass::kForward, window);
    const auto op = std::ranges::find(ops, OpKind::kAttentionForward, &Op::kind);
    ASSERT_NE(op, ops.end());
    const AttentionShape wanted{.batch = 2,
                                .heads = 16,
                                .query = 512,
                                .context = 1024,
                                .qk_dim = 64,
                                .v_dim = 64,
                                .kv_heads = 4,
                                .window = expected,
                                .spread = true};
    EXPECT_EQ(std::get<AttentionShape>(op->shape), wanted) << describe(*op);
  }
}

TEST(GroupedAttention, RotatesQueriesAndKeysAndNormsThemWhereItDoes) {
  Architecture model = small_interleaved_model();
  const auto columns = [&](OpKind kind) {
    std::int64_t sum = 0;
    for (const Op& op :
         attention_ops(model, shard_of(model), recipe(Precision::kBf16), LayerPass::kForward, 0)) {
      sum += op.kind == kind ? std::get<SweepShape>(op.shape).columns : 0;
    }
    return sum;
  };
  EXPECT_EQ(columns(OpKind::kRope), (16 + 2) * 64);
  EXPECT_EQ(columns(OpKind::kNorm), model.hidden + 18L * 64);
  std::get<GroupedAttention>(model.attention).qk_norm = false;
  std::get<GroupedAttention>(model.attention).rotary = false;
  EXPECT_EQ(columns(OpKind::kRope), 0);
  EXPECT_EQ(columns(OpKind::kNorm), model.hidden);
}

TEST(LearnedPositions, AreAddedToTheEmbeddingAndLearn) {
  Architecture model = small_dense_model();
  const auto of = [&](LayerPass pass) { return embedding_ops(model, shard_of(model), pass); };
  EXPECT_EQ(of(LayerPass::kForward), std::vector<Op>{sweep(OpKind::kEmbed, model.hidden)});
  model.learned_positions = 2048;
  EXPECT_EQ(
      of(LayerPass::kForward),
      (std::vector<Op>{sweep(OpKind::kEmbed, model.hidden), sweep(OpKind::kAdd, model.hidden)}));
  EXPECT_EQ(count(of(LayerPass::kWeightGradient), OpKind::kEmbedBackward), 2);
}

}  // namespace
}  // namespace towtank
