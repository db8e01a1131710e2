// What tensor and expert-tensor ranks compute of a block, and what they send each other.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sim/model/layer_ops.hpp"
#include "sim/model/parameters.hpp"
#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

constexpr LayerPass kPasses[] = {
    LayerPass::kForward, LayerPass::kInputGradient, LayerPass::kWeightGradient};
constexpr std::int64_t kTokens = 512;
constexpr Recipe kBf16Recipe{.gemm = Precision::kBf16, .recompute = {}};
constexpr Recipe kFp8Recipe{.gemm = Precision::kFp8Block, .recompute = {}};

TokenShard shard_of(const Architecture& model,
                    std::int64_t tensor,
                    std::int64_t expert_tensor,
                    bool sequence_parallel = true) {
  TokenShard shard{.tokens = kTokens,
                   .context = kTokens,
                   .local_experts = model.moe.experts / 4,
                   .tensor = tensor,
                   .expert_tensor = expert_tensor,
                   .sequence_parallel = sequence_parallel};
  shard.expert_rows = shard.own_tokens() * expert_tensor * model.moe.top_k;
  return shard;
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
      {"embedding",
       [](const Architecture& model, const TokenShard& shard, const Recipe&, LayerPass pass) {
         return embedding_ops(model, shard, pass);
       }},
      {"head", head_ops},
      {"MTP join", mtp_join_ops},
  };
  return kBlocks;
}

std::vector<Op> dense_layer(const Architecture& model,
                            const TokenShard& shard,
                            const Recipe& recipe,
                            LayerPass pass) {
  std::vector<Op> ops = attention(model, shard, recipe, pass);
  const std::vector<Op> mlp = dense_mlp_ops(model, shard, recipe, pass);
  ops.insert(ops.end(), mlp.begin(), mlp.end());
  return ops;
}

double work(const std::vector<Op>& ops) {
  double sum = 0.0;
  for (const Op& op : ops) {
    sum += model_flops(op) / flop;
  }
  return sum;
}

std::vector<Op> collectives(std::vector<Op> ops) {
  std::erase_if(ops, [](const Op& op) { return !is_layer_collective(op); });
  return ops;
}

Op collective(OpKind kind, std::int64_t ranks, std::int64_t bytes) {
  return {
      .kind = kind,
      .precision = Precision::kBf16,
      .shape = CollectiveShape{.ranks = ranks, .bytes = bytes, .scope = CollectiveScope::kTensor}};
}

double sent(const std::vector<Op>& ops) {
  double sum = 0.0;
  for (const Op& op : ops) {
    sum += link_traffic(op) / byte;
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

/// FLOP of one pass that every rank does for all tokens where tokens are not shared: the router,
/// and latent attention's projections to its latents.
double repeated_work(const std::string& block, const Architecture& model, LayerPass pass) {
  const double per_weight = 2.0 * static_cast<double>(kTokens * model.hidden);
  if (block == "router") {
    const double passes = pass == LayerPass::kForward         ? 1.0
                          : pass == LayerPass::kInputGradient ? 2.0
                                                              : 0.0;
    return passes * per_weight * static_cast<double>(model.moe.experts);
  }
  const auto* mla = std::get_if<LatentAttention>(&model.attention);
  return block == "attention" && mla != nullptr
             ? per_weight *
                   static_cast<double>(mla->query_rank + mla->key_value_rank + mla->rope_head_dim)
             : 0.0;
}

void expect_ranks_do_the_whole(const Architecture& model,
                               std::int64_t tensor,
                               std::int64_t expert_tensor,
                               bool sequence_parallel) {
  SCOPED_TRACE(model.name + ", tensor " + std::to_string(tensor));
  const TokenShard whole = shard_of(model, 1, 1);
  const TokenShard shard = shard_of(model, tensor, expert_tensor, sequence_parallel);
  for (const Recipe& recipe : {kBf16Recipe, kFp8Recipe}) {
    for (const auto& [name, ops] : blocks()) {
      if (name == "experts" && !sequence_parallel) {
        continue;  // every rank sends all tokens to the experts
      }
      for (const LayerPass pass : kPasses) {
        const double repeated =
            sequence_parallel ? 0.0
                              : static_cast<double>(tensor - 1) * repeated_work(name, model, pass);
        EXPECT_EQ(static_cast<double>(tensor) * work(ops(model, shard, recipe, pass)),
                  work(ops(model, whole, recipe, pass)) + repeated)
            << name;
      }
    }
  }
}

TEST(TensorRanks, DoTheWorkOfTheUnsharedModelTogether) {
  Architecture uncompressed = small_model();
  std::get<LatentAttention>(uncompressed.attention).query_rank = 0;
  for (const bool sequence_parallel : {true, false}) {
    for (const std::int64_t expert_tensor : {1, 2}) {
      expect_ranks_do_the_whole(small_model(), 4, expert_tensor, sequence_parallel);
      expect_ranks_do_the_whole(uncompressed, 2, expert_tensor, sequence_parallel);
      expect_ranks_do_the_whole(small_dense_model(), 4, expert_tensor, sequence_parallel);
      expect_ranks_do_the_whole(small_interleaved_model(), 2, expert_tensor, sequence_parallel);
    }
  }
}

TEST(TensorRanks, ShareHeadsOfKeysWhereTheseAreFewer) {
  const Architecture model = small_interleaved_model();  // 16 heads, 2 of keys
  const std::vector<Op> ops =
      attention(model, shard_of(model, 8, 1), kBf16Recipe, LayerPass::kForward);
  const auto found = std::ranges::find(ops, OpKind::kAttentionForward, &Op::kind);
  ASSERT_NE(found, ops.end());
  EXPECT_EQ(std::get<AttentionShape>(found->shape).heads, 2);
  EXPECT_EQ(std::get<AttentionShape>(found->shape).kv_heads, 1);
  const auto projection = std::ranges::find(ops, OpKind::kGemm, &Op::kind);
  EXPECT_EQ(std::get<GemmShape>(projection->shape).n, (2 + 1 + 1) * 64);
}

TEST(OneTensorRank, SendsNothing) {
  for (const Architecture& model :
       {small_model(), small_dense_model(), small_interleaved_model()}) {
    for (const auto& [name, ops] : blocks()) {
      for (const LayerPass pass : kPasses) {
        EXPECT_TRUE(collectives(ops(model, shard_of(model, 1, 1), kFp8Recipe, pass)).empty())
            << name;
      }
    }
  }
}

// arXiv 2205.05198, section 4.2.2, figure 6: g is an all-gather forward and a reduce-scatter
// backward, g-bar the reverse, two of each a layer; the gathered inputs are not kept.
TEST(SequenceParallelLayer, GathersAndScattersTwiceAPassAndGathersInputsAgain) {
  const Architecture model = small_dense_model();
  const TokenShard shard = shard_of(model, 4, 1);
  const std::int64_t bytes = 2 * kTokens * model.hidden;
  const Op gather = collective(OpKind::kAllGather, 4, bytes);
  const Op scatter = collective(OpKind::kReduceScatter, 4, bytes);
  const auto of = [&](LayerPass pass) {
    return collectives(dense_layer(model, shard, kBf16Recipe, pass));
  };
  const std::vector<Op> both_twice = {gather, scatter, gather, scatter};
  EXPECT_EQ(of(LayerPass::kForward), both_twice);
  EXPECT_EQ(of(LayerPass::kInputGradient), both_twice);
  EXPECT_EQ(of(LayerPass::kWeightGradient), (std::vector<Op>{gather, gather}));
}

// arXiv 1909.08053, section 3: two all-reduces forward, two backward.
TEST(TensorParallelLayer, SumsTwiceAPass) {
  const Architecture model = small_dense_model();
  const TokenShard shard = shard_of(model, 4, 1, false);
  const Op sum = collective(OpKind::kAllReduce, 4, 2 * kTokens * model.hidden);
  const auto of = [&](LayerPass pass) {
    return collectives(dense_layer(model, shard, kBf16Recipe, pass));
  };
  EXPECT_EQ(of(LayerPass::kForward), (std::vector<Op>{sum, sum}));
  EXPECT_EQ(of(LayerPass::kInputGradient), (std::vector<Op>{sum, sum}));
  EXPECT_TRUE(of(LayerPass::kWeightGradient).empty());
}

// arXiv 2205.05198, section 4.2.2: the bandwidth of both is the same.
TEST(SequenceParallelism, SendsAsMuchAsTensorParallelismAloneButForInputsGatheredAgain) {
  const Architecture model = small_dense_model();
  const auto difference = [&](LayerPass pass) {
    return sent(dense_layer(model, shard_of(model, 4, 1), kBf16Recipe, pass)) -
           sent(dense_layer(model, shard_of(model, 4, 1, false), kBf16Recipe, pass));
  };
  const double gathered = 2.0 * static_cast<double>(kTokens * model.hidden) * 3.0 / 4.0;
  EXPECT_EQ(difference(LayerPass::kForward), 0.0);
  EXPECT_EQ(difference(LayerPass::kInputGradient), 0.0);
  EXPECT_EQ(difference(LayerPass::kWeightGradient), 2.0 * gathered);
}

TEST(SequenceParallelLayer, GathersBetweenNormAndGemmAndScattersBeforeTheResidual) {
  const Architecture model = small_dense_model();
  const TokenShard shard = shard_of(model, 4, 1);
  const auto of = [&](LayerPass pass) {
    return kinds(dense_mlp_ops(model, shard, kBf16Recipe, pass));
  };
  EXPECT_EQ(of(LayerPass::kForward),
            (std::vector<OpKind>{OpKind::kNorm,
                                 OpKind::kAllGather,
                                 OpKind::kGemm,
                                 OpKind::kActivation,
                                 OpKind::kGemm,
                                 OpKind::kReduceScatter,
                                 OpKind::kAdd}));
  EXPECT_EQ(of(LayerPass::kInputGradient),
            (std::vector<OpKind>{OpKind::kAllGather,
                                 OpKind::kGemm,
                                 OpKind::kActivationBackward,
                                 OpKind::kGemm,
                                 OpKind::kReduceScatter,
                                 OpKind::kNormBackward,
                                 OpKind::kAdd}));
  EXPECT_EQ(of(LayerPass::kWeightGradient),
            (std::vector<OpKind>{OpKind::kWeightGemm, OpKind::kAllGather, OpKind::kWeightGemm}));
}

TEST(SequenceParallelLayer, NormsAndAddsARanksOwnTokens) {
  for (const bool sequence_parallel : {true, false}) {
    const Architecture model = small_dense_model();
    const TokenShard shard = shard_of(model, 4, 1, sequence_parallel);
    for (const LayerPass pass : {LayerPass::kForward, LayerPass::kInputGradient}) {
      for (const Op& op : dense_layer(model, shard, kBf16Recipe, pass)) {
        const auto* rows = std::get_if<SweepShape>(&op.shape);
        if (rows != nullptr && (op.kind == OpKind::kNorm || op.kind == OpKind::kNormBackward ||
                                op.kind == OpKind::kAdd)) {
          EXPECT_EQ(rows->rows, sequence_parallel ? kTokens / 4 : kTokens) << describe(op);
        }
      }
    }
  }
}

// With one scale per 128 elements a transposed gradient is quantised for itself, and gathered too.
TEST(Fp8Recipe, GathersTensorsAsTheyAreStoredAndSumsInBf16) {
  const Architecture model = small_dense_model();
  const TokenShard shard = shard_of(model, 4, 1);
  const double elements = static_cast<double>(kTokens * model.hidden);
  const double stored = elements * (1.0 + 4.0 / 128.0);
  const auto bytes = [&](const Recipe& recipe, LayerPass pass) {
    std::vector<double> result;
    for (const Op& op : collectives(dense_mlp_ops(model, shard, recipe, pass))) {
      result.push_back(static_cast<double>(std::get<CollectiveShape>(op.shape).bytes));
    }
    return result;
  };
  using Sizes = std::vector<double>;
  EXPECT_EQ(bytes(kFp8Recipe, LayerPass::kForward), (Sizes{stored, 2.0 * elements}));
  EXPECT_EQ(bytes(kFp8Recipe, LayerPass::kInputGradient), (Sizes{2.0 * stored, 2.0 * elements}));
  EXPECT_EQ(bytes(kFp8Recipe, LayerPass::kWeightGradient), Sizes{stored});
}

// As Megatron-Core: each rank projects its own tokens to their latents, and these are gathered.
TEST(LatentAttention, GathersLatentsAndNotTheirInput) {
  const Architecture model = small_model();
  const auto& mla = std::get<LatentAttention>(model.attention);
  const auto of = [&](LayerPass pass) {
    return collectives(attention(model, shard_of(model, 4, 1), kBf16Recipe, pass));
  };
  const auto bytes = [](std::int64_t columns) { return 2 * kTokens * columns; };
  const auto gather = [&](std::int64_t columns) {
    return collective(OpKind::kAllGather, 4, bytes(columns));
  };
  const auto scatter = [&](std::int64_t columns) {
    return collective(OpKind::kReduceScatter, 4, bytes(columns));
  };
  EXPECT_EQ(of(LayerPass::kForward),
            (std::vector<Op>{gather(mla.rope_head_dim),
                             gather(mla.query_rank),
                             gather(mla.key_value_rank),
                             scatter(model.hidden)}));
  EXPECT_EQ(of(LayerPass::kInputGradient),
            (std::vector<Op>{gather(model.hidden),
                             scatter(mla.query_rank),
                             scatter(mla.key_value_rank),
                             scatter(mla.rope_head_dim)}));
  EXPECT_EQ(of(LayerPass::kWeightGradient),
            (std::vector<Op>{gather(mla.key_value_rank), gather(mla.query_rank)}));
}

TEST(Experts, AreGatheredAndScatteredByRowsAmongExpertTensorRanks) {
  const Architecture model = small_model();
  const TokenShard shard = shard_of(model, 1, 2);
  const auto op = [&](OpKind kind) {
    return Op{.kind = kind,
              .precision = Precision::kBf16,
              .shape = CollectiveShape{.ranks = 2,
                                       .bytes = 2 * shard.expert_rows * model.hidden,
                                       .scope = CollectiveScope::kExpertTensor}};
  };
  const std::vector<Op> around = {op(OpKind::kAllGather), op(OpKind::kReduceScatter)};
  const auto of = [&](LayerPass pass) {
    return collectives(expert_ops(model, shard, kBf16Recipe, pass));
  };
  EXPECT_EQ(of(LayerPass::kForward), around);
  EXPECT_EQ(of(LayerPass::kInputGradient), around);
  EXPECT_TRUE(of(LayerPass::kWeightGradient).empty());
}

TEST(Head, AgreesOnThreeNumbersATokenForTheLoss) {
  const Architecture model = small_dense_model();
  const TokenShard shard = shard_of(model, 4, 1);
  const auto of = [&](LayerPass pass) {
    return collectives(head_ops(model, shard, kFp8Recipe, pass));
  };
  const std::int64_t bytes = 2 * kTokens * model.hidden;
  Op loss = collective(OpKind::kAllReduce, 4, 12 * kTokens);
  loss.precision = Precision::kFp32;
  EXPECT_EQ(of(LayerPass::kForward),
            (std::vector<Op>{collective(OpKind::kAllGather, 4, bytes), loss}));
  EXPECT_EQ(of(LayerPass::kInputGradient),
            std::vector<Op>{collective(OpKind::kReduceScatter, 4, bytes)});
  EXPECT_EQ(of(LayerPass::kWeightGradient),
            std::vector<Op>{collective(OpKind::kAllGather, 4, bytes)});
}

// Learned positions are added to all tokens, so all ranks get all of them.
TEST(Embedding, IsSummedOverPartsOfTheVocabulary) {
  Architecture model = small_dense_model();
  const std::int64_t bytes = 2 * kTokens * model.hidden;
  const auto of = [&](bool sequence_parallel, LayerPass pass) {
    return collectives(embedding_ops(model, shard_of(model, 4, 1, sequence_parallel), pass));
  };
  const std::vector<Op> scatter = {collective(OpKind::kReduceScatter, 4, bytes)};
  const std::vector<Op> sum = {collective(OpKind::kAllReduce, 4, bytes)};
  EXPECT_EQ(of(true, LayerPass::kForward), scatter);
  EXPECT_EQ(of(false, LayerPass::kForward), sum);
  EXPECT_EQ(of(true, LayerPass::kWeightGradient),
            std::vector<Op>{collective(OpKind::kAllGather, 4, bytes)});
  EXPECT_TRUE(of(false, LayerPass::kWeightGradient).empty());
  model.learned_positions = 2048;
  EXPECT_EQ(of(true, LayerPass::kForward), sum);
}

TEST(LayerCollectives, SayAmongWhomTheyAre) {
  const Op layers = collective(OpKind::kAllReduce, 4, 1024);
  Op anybody = layers;
  std::get<CollectiveShape>(anybody.shape).scope = CollectiveScope::kAny;
  EXPECT_TRUE(is_layer_collective(layers));
  EXPECT_FALSE(is_layer_collective(anybody));
  EXPECT_FALSE(is_layer_collective({.kind = OpKind::kNorm, .shape = SweepShape{1, 1}}));
  EXPECT_EQ(describe(layers), describe(anybody));
}

}  // namespace
}  // namespace towtank
