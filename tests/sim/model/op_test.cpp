#include "sim/model/op.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

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

Op moe(Precision precision, MoeShape shape) {
  return {.kind = OpKind::kMoeLayer, .precision = precision, .shape = shape};
}

Op decode(AttentionShape shape, OpKind kind = OpKind::kAttentionDecode) {
  return {.kind = kind, .precision = Precision::kBf16, .shape = shape};
}

Op collective(OpKind kind, std::int64_t ranks, std::int64_t nodes, std::int64_t bytes) {
  return {.kind = kind,
          .precision = Precision::kBf16,
          .shape = CollectiveShape{.ranks = ranks, .nodes = nodes, .bytes = bytes}};
}

Op exchange(OpKind kind, ExchangeShape shape, Precision precision = Precision::kFp8Block) {
  return {.kind = kind, .precision = precision, .shape = shape};
}

/// A shape of the right sort for any kind.
Op any(OpKind kind, Precision precision) {
  switch (shape_form(kind)) {
    case ShapeForm::kGemm:
      return gemm(kind, precision, {.m = 64, .n = 128, .k = 256});
    case ShapeForm::kAttention:
      return attention(kind);
    case ShapeForm::kSweep:
      return sweep(kind, precision, 64, 128);
    case ShapeForm::kMoe:
      return moe(precision,
                 {.tokens = 64, .hidden = 128, .intermediate = 64, .topk = 2, .experts = 8});
    case ShapeForm::kCollective:
      return collective(kind, 8, 1, 1 << 20);
    case ShapeForm::kExchange:
      return exchange(
          kind, {.ranks = 8, .tokens = 64, .hidden = 128, .topk = 2, .experts = 16}, precision);
  }
  return {};
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
  for (const OpKind kind : {OpKind::kGemm,
                            OpKind::kGroupedGemm,
                            OpKind::kWeightGemm,
                            OpKind::kBatchedGemm,
                            OpKind::kMaskedGroupedGemm}) {
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

/// Pairs of a query and a key it sees, counted one by one.
double counted_pairs(const AttentionShape& shape) {
  double pairs = 0.0;
  for (std::int64_t query = 0; query < shape.query; ++query) {
    const std::int64_t position = shape.context - shape.query + query;
    for (std::int64_t key = 0; key < shape.context; ++key) {
      const bool not_after = !shape.causal || key <= position;
      const bool not_too_old = shape.window == 0 || key > position - shape.window;
      pairs += not_after && not_too_old ? 1.0 : 0.0;
    }
  }
  return pairs;
}

TEST(AttentionWork, WithAWindowIsExactlyThePairsWithinIt) {
  for (const std::int64_t query : {1, 5, 64}) {
    for (const std::int64_t window : {1, 7, 63, 64, 65, 1000}) {
      const AttentionShape shape = {.batch = 3,
                                    .heads = 2,
                                    .query = query,
                                    .context = 64,
                                    .qk_dim = 16,
                                    .v_dim = 8,
                                    .window = window};
      EXPECT_DOUBLE_EQ(flops(decode(shape, OpKind::kAttentionForward)) / flop,
                       counted_pairs(shape) * 3 * 2 * 2 * (16 + 8))
          << query << " " << window;
    }
  }
}

TEST(AttentionWork, AfterACachedPrefixIsThePairsOfTheLastQueries) {
  for (const std::int64_t query : {64, 512, 2048, 4096}) {
    const AttentionShape shape = {
        .heads = 1, .query = query, .context = 4096, .qk_dim = 1, .v_dim = 1};
    const double work = flops(decode(shape, OpKind::kAttentionForward)) / flop;
    // Half a key more for every query is what published counts leave out.
    EXPECT_DOUBLE_EQ(work, 4.0 * (counted_pairs(shape) - static_cast<double>(query) / 2.0));
  }
}

TEST(AttentionWork, OfAPrefixAndTheRestIsThatOfTheWholeSequence) {
  const auto work = [](std::int64_t query, std::int64_t context) {
    return flops(decode({.heads = 8, .query = query, .context = context, .qk_dim = 64, .v_dim = 64},
                        OpKind::kAttentionForward));
  };
  EXPECT_DOUBLE_EQ((work(1024, 1024) + work(3072, 4096)) / work(4096, 4096), 1.0);
}

TEST(AttentionWork, OfContextParallelRanksTogetherIsThatOfTheWholeSequence) {
  const AttentionShape whole = {
      .heads = 8, .query = 4096, .context = 4096, .qk_dim = 64, .v_dim = 64};
  AttentionShape quarter = whole;
  quarter.query = 1024;
  quarter.spread = true;
  for (const std::int64_t window : {0, 128}) {
    AttentionShape all = whole;
    all.window = window;
    quarter.window = window;
    EXPECT_DOUBLE_EQ(4.0 * (flops(decode(quarter, OpKind::kAttentionForward)) /
                            flops(decode(all, OpKind::kAttentionForward))),
                     1.0);
  }
}

TEST(AttentionDecode, IsTheForwardPassOfASingleQuery) {
  const AttentionShape shape = {
      .batch = 8, .heads = 32, .query = 1, .context = 100000, .qk_dim = 128, .v_dim = 128};
  const Op one_query = decode(shape, OpKind::kAttentionForward);
  EXPECT_NEAR(flops(decode(shape)) / flops(one_query), 1.0, 1e-5);
  EXPECT_EQ(memory_traffic(decode(shape)), memory_traffic(one_query));
}

TEST(AttentionDecode, ReadsTheKeysOfTheWindowOnly) {
  AttentionShape shape = {
      .batch = 8, .heads = 32, .query = 1, .context = 4096, .qk_dim = 128, .v_dim = 128};
  shape.window = 128;
  AttentionShape narrow = shape;
  narrow.context = 128;
  EXPECT_EQ(flops(decode(shape)), flops(decode(narrow)));
  EXPECT_EQ(memory_traffic(decode(shape)), memory_traffic(decode(narrow)));
}

TEST(GroupedQueries, ShareKeysAndValuesButNotWork) {
  AttentionShape all = {
      .batch = 8, .heads = 32, .query = 1, .context = 4096, .qk_dim = 128, .v_dim = 128};
  AttentionShape grouped = all;
  grouped.kv_heads = 4;
  for (const OpKind kind : {OpKind::kAttentionDecode, OpKind::kAttentionForward}) {
    EXPECT_EQ(flops(decode(all, kind)), flops(decode(grouped, kind)));
    const Bytes saved = memory_traffic(decode(all, kind)) - memory_traffic(decode(grouped, kind));
    EXPECT_DOUBLE_EQ(saved / byte, 2.0 * 8 * (32 - 4) * 4096 * (128 + 128));
  }
  all.kv_heads = 32;
  AttentionShape unsaid = all;
  unsaid.kv_heads = 0;
  EXPECT_EQ(memory_traffic(decode(all)), memory_traffic(decode(unsaid)));
}

TEST(AttentionDecode, WithAnFp8CacheReadsHalfOfIt) {
  AttentionShape shape = {
      .batch = 8, .heads = 32, .query = 1, .context = 4096, .qk_dim = 128, .v_dim = 128};
  const Bytes wide = memory_traffic(decode(shape));
  shape.kv_precision = Precision::kFp8;
  EXPECT_DOUBLE_EQ((wide - memory_traffic(decode(shape))) / byte, 8.0 * 32 * 4096 * (128 + 128));
}

TEST(MlaDecode, ReadsOneLatentVectorATokenForAllHeads) {
  const AttentionShape shape = {.batch = 16,
                                .heads = 128,
                                .query = 1,
                                .context = 4096,
                                .qk_dim = 576,
                                .v_dim = 512,
                                .kv_heads = 1};
  AttentionShape longer = shape;
  longer.context += 1000;
  const Op now = decode(shape, OpKind::kMlaDecode);
  const Op later = decode(longer, OpKind::kMlaDecode);
  EXPECT_DOUBLE_EQ((memory_traffic(later) - memory_traffic(now)) / byte, 16.0 * 1000 * 576 * 2);
  EXPECT_DOUBLE_EQ((flops(later) - flops(now)) / flop, 2.0 * (576 + 512) * 128 * 1000 * 16);
}

TEST(MlaBlock, IsItsAttentionAndTwoPerTokenAndWeight) {
  AttentionShape shape = {
      .batch = 1, .heads = 128, .query = 4096, .context = 4096, .qk_dim = 192, .v_dim = 128};
  const Flops block = flops(decode(shape, OpKind::kMlaBlockPrefill));
  const Flops core = flops(decode(shape, OpKind::kAttentionForward));
  // DeepSeek-V3's attention has 187 million parameters a layer.
  const double weights =
      7168.0 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168;
  EXPECT_NEAR(weights, 187e6, 1e6);
  EXPECT_DOUBLE_EQ((block - core) / flop, 2.0 * 4096 * weights);
}

TEST(MlaBlock, DecodingPassesAbsorbedWeightsOncePerQuery) {
  const AttentionShape shape = {
      .batch = 64, .heads = 128, .query = 1, .context = 4096, .qk_dim = 576, .v_dim = 512};
  const Op block = decode(shape, OpKind::kMlaBlockDecode);
  const Op core = decode(shape, OpKind::kMlaDecode);
  AttentionShape twice = shape;
  twice.batch = 128;
  const Flops projections = flops(block) - flops(core);
  EXPECT_DOUBLE_EQ(
      (flops(decode(twice, OpKind::kMlaBlockDecode)) - flops(decode(twice, OpKind::kMlaDecode))) /
          projections,
      2.0);
  EXPECT_NEAR(projections / flop / (2.0 * 64 * 187e6), 1.0, 0.01);
}

TEST(Moe, IsItsTwoGroupedGemms) {
  const MoeShape shape = {.tokens = 65536,
                          .hidden = 7168,
                          .intermediate = 2048,
                          .topk = 8,
                          .experts = 256,
                          .tensor_parallel = 2,
                          .expert_parallel = 16};
  constexpr std::int64_t kRows = 65536 * 8 / 16;
  for (const Precision precision : all_precisions()) {
    const Op up =
        gemm(OpKind::kGroupedGemm, precision, {.m = kRows, .n = 2048, .k = 7168, .groups = 16});
    const Op down =
        gemm(OpKind::kGroupedGemm, precision, {.m = kRows, .n = 7168, .k = 1024, .groups = 16});
    EXPECT_DOUBLE_EQ(flops(moe(precision, shape)) / (flops(up) + flops(down)), 1.0);
    EXPECT_DOUBLE_EQ(
        memory_traffic(moe(precision, shape)) / (memory_traffic(up) + memory_traffic(down)), 1.0);
  }
}

TEST(Moe, WithoutGateHasOneUpProjection) {
  MoeShape shape = {.tokens = 4096, .hidden = 1024, .intermediate = 512, .topk = 2, .experts = 8};
  const Op gated = moe(Precision::kBf16, shape);
  shape.gated = false;
  const Op plain = moe(Precision::kBf16, shape);
  EXPECT_DOUBLE_EQ(flops(gated) / flops(plain), 1.5);
  EXPECT_LT(memory_traffic(plain), memory_traffic(gated));
}

TEST(Moe, ReadsTheWeightsOfExpertsThatGetRowsOnly) {
  const auto weights = [](std::int64_t tokens) {
    const MoeShape shape = {
        .tokens = tokens, .hidden = 1024, .intermediate = 512, .topk = 2, .experts = 64};
    const double rows = 2.0 * static_cast<double>(tokens);
    const double activations = 2.0 * rows * (1024 + 512 + 2 * 512 + 1024);
    const double expert = 2.0 * 3 * 1024 * 512;
    return (memory_traffic(moe(Precision::kBf16, shape)) / byte - activations) / expert;
  };
  EXPECT_NEAR(weights(1), 2.0, 1e-9);
  double before = 0.0;
  for (const std::int64_t tokens : {1, 2, 8, 32, 128, 4096}) {
    EXPECT_GT(weights(tokens), before);
    EXPECT_LE(weights(tokens), std::min(64.0, 2.0 * static_cast<double>(tokens)) + 1e-9);
    before = weights(tokens);
  }
  EXPECT_NEAR(weights(4096), 64.0, 1e-9);
}

TEST(Moe, QuantisedWeightsShrinkWhatFewTokensRead) {
  const MoeShape few = {
      .tokens = 8, .hidden = 7168, .intermediate = 2048, .topk = 8, .experts = 256};
  const auto traffic = [&few](Precision precision) { return memory_traffic(moe(precision, few)); };
  EXPECT_NEAR(traffic(Precision::kFp8Block) / traffic(Precision::kBf16), 0.5, 0.01);
  EXPECT_NEAR(traffic(Precision::kInt4Weights) / traffic(Precision::kBf16), 0.26, 0.01);
  EXPECT_LT(traffic(Precision::kFp4Weights), traffic(Precision::kFp4));
}

TEST(LinkTraffic, OfAnAllReduceIsThatOfAReduceScatterAndAnAllGather) {
  for (const std::int64_t nodes : {1, 2, 4}) {
    const auto of = [nodes](OpKind kind) { return collective(kind, 8 * nodes, nodes, 1 << 26); };
    EXPECT_EQ(link_traffic(of(OpKind::kAllReduce)),
              link_traffic(of(OpKind::kReduceScatter)) + link_traffic(of(OpKind::kAllGather)));
    EXPECT_EQ(
        network_traffic(of(OpKind::kAllReduce)),
        network_traffic(of(OpKind::kReduceScatter)) + network_traffic(of(OpKind::kAllGather)));
  }
}

TEST(LinkTraffic, OfTwoRanksAllReducingIsTheTensor) {
  EXPECT_EQ(link_traffic(collective(OpKind::kAllReduce, 2, 1, 1 << 20)), 1 * MiB);
  EXPECT_EQ(link_traffic(collective(OpKind::kAllReduce, 1, 1, 1 << 20)), Bytes{});
}

TEST(NetworkTraffic, OfAnAllToAllIsForEveryRankOfAnotherNode) {
  // Each of 16 ranks has a sixteenth for every other; 8 of them are elsewhere.
  const Op op = collective(OpKind::kAllToAll, 16, 2, 1 << 20);
  EXPECT_EQ(network_traffic(op), 0.5 * MiB);
  EXPECT_DOUBLE_EQ(link_traffic(op) / MiB, 15.0 / 16.0);
}

TEST(NetworkTraffic, OfAnAllGatherBringsEachNodeTheOthersPartsOnce) {
  // Per node: what three others have, shared by its eight ranks.
  const Op op = collective(OpKind::kAllGather, 32, 4, 1 << 20);
  EXPECT_DOUBLE_EQ(network_traffic(op) / MiB * 8, 3.0 / 4.0);
}

TEST(NetworkTraffic, IsNothingOnOneNodeAndNeverMoreThanAll) {
  for (const OpKind kind : all_op_kinds()) {
    const Op op = any(kind, Precision::kBf16);
    EXPECT_EQ(network_traffic(op), Bytes{}) << name(kind);
    EXPECT_EQ(link_traffic(op) > Bytes{}, family(kind) == OpFamily::kCollective) << name(kind);
    Op wide = op;
    if (CollectiveShape* shape = std::get_if<CollectiveShape>(&wide.shape)) {
      shape->nodes = 4;
    } else if (ExchangeShape* swap = std::get_if<ExchangeShape>(&wide.shape)) {
      swap->nodes = 4;
    } else {
      continue;
    }
    EXPECT_GT(network_traffic(wide), Bytes{}) << name(kind);
    EXPECT_LE(network_traffic(wide), link_traffic(wide)) << name(kind);
  }
}

TEST(ExpertExchange, ReachesAsManyNodesAsDeepEpsTestsCount) {
  // They count the own node as well: 1.99 of 2 nodes, 3.61 of 4, and 3.63 of 8 with routing to at
  // most four. Nodes are alike, so all but one of them have their share of it.
  const auto nodes_reached = [](std::int64_t nodes) {
    const ExchangeShape shape = {
        .ranks = 8 * nodes, .nodes = nodes, .tokens = 1, .hidden = 1, .topk = 8, .experts = 256};
    return network_traffic(exchange(OpKind::kExpertCombine, shape)) / (2.0 * byte);
  };
  EXPECT_NEAR(nodes_reached(2), 1.99 / 2.0, 0.01);
  EXPECT_NEAR(nodes_reached(4), 3.61 * 3.0 / 4.0, 0.01);
  EXPECT_NEAR(nodes_reached(8), 3.63 * 7.0 / 8.0, 0.01);
}

TEST(ExpertExchange, OnOneNodeReachesTheRanksThatRandomChoicesReach) {
  const ExchangeShape shape = {
      .ranks = 8, .tokens = 4096, .hidden = 7168, .topk = 8, .experts = 64};
  std::mt19937 random(7);
  std::vector<int> experts(64);
  std::iota(experts.begin(), experts.end(), 0);
  constexpr int kTrials = 20000;
  int reached = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::shuffle(experts.begin(), experts.end(), random);
    std::set<int> ranks;
    for (std::size_t choice = 0; choice < 8; ++choice) {
      ranks.insert(experts[choice] / 8);
    }
    ranks.erase(0);  // the own one
    reached += static_cast<int>(ranks.size());
  }
  const double copies =
      link_traffic(exchange(OpKind::kExpertCombine, shape)) / (2.0 * 7168 * 4096 * byte);
  EXPECT_NEAR(copies, static_cast<double>(reached) / kTrials, 0.03);
}

TEST(ExpertExchange, ForLowLatencySendsACopyForEveryExpertElsewhere) {
  const ExchangeShape shape = {
      .ranks = 64, .nodes = 8, .tokens = 128, .hidden = 7168, .topk = 8, .experts = 256};
  const double token = 7168 * (1.0 + 4.0 / 128.0);
  const Op dispatch = exchange(OpKind::kExpertDispatchLowLatency, shape);
  EXPECT_DOUBLE_EQ(link_traffic(dispatch) / byte, 128 * 8 * token * 63.0 / 64.0);
  EXPECT_DOUBLE_EQ(network_traffic(dispatch) / byte, 128 * 8 * token * 7.0 / 8.0);
  // Combining returns BF16 sums.
  EXPECT_DOUBLE_EQ(
      link_traffic(exchange(OpKind::kExpertCombineLowLatency, shape)) / link_traffic(dispatch),
      2.0 / (1.0 + 4.0 / 128.0));
}

TEST(ExpertExchange, OnMoreNodesThanRanksIsABug) {
  EXPECT_THROW(link_traffic(exchange(OpKind::kExpertDispatch,
                                     {.ranks = 2, .nodes = 4, .tokens = 1, .hidden = 1})),
               BrokenClaim);
  EXPECT_THROW(link_traffic(collective(OpKind::kAllReduce, 2, 4, 8)), BrokenClaim);
}

TEST(Copy, ReadsAndWritesEveryElement) {
  EXPECT_DOUBLE_EQ(memory_traffic(sweep(OpKind::kCopy, Precision::kFp8, 10, 100)) / byte, 2000);
  EXPECT_DOUBLE_EQ(memory_traffic(sweep(OpKind::kCopy, Precision::kBf16, 10, 100)) / byte, 4000);
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

TEST(Sweeps, ActivationsReadOneInputForEachColumnOfTheirResult) {
  EXPECT_DOUBLE_EQ(memory_traffic(sweep(OpKind::kActivation, Precision::kBf16, 10, 128)) / byte,
                   10 * 128 * (2 + 2));
  EXPECT_DOUBLE_EQ(
      memory_traffic(sweep(OpKind::kActivationBackward, Precision::kBf16, 10, 128)) / byte,
      10 * 128 * (2 * 2 + 2));
}

TEST(Sweeps, AdamWMovesTwentyTwoBytesAParameterAndEightMoreWithMomentsInFp32) {
  // Master read and written, two moments read and written, gradient read, BF16 weight written.
  const auto bytes = [](double moment) { return (4 + 4) + 2 * (moment + moment) + 4 + 2; };
  const auto traffic = [](Precision moments) {
    return memory_traffic(sweep(OpKind::kAdamW, moments, 1000, 1)) / byte;
  };
  EXPECT_DOUBLE_EQ(traffic(Precision::kBf16), 1000 * bytes(2));
  EXPECT_DOUBLE_EQ(traffic(Precision::kFp32), 1000 * bytes(4));
  EXPECT_DOUBLE_EQ(traffic(Precision::kFp32) - traffic(Precision::kBf16), 1000 * 8.0);
}

// Bytes of each pass over a part of the logits, read and written.
TEST(Sweeps, LossesPassOverTheLogitsAsTheirLibrariesDo) {
  const auto traffic = [](OpKind kind) {
    return memory_traffic(sweep(kind, Precision::kBf16, 10, 100)) / byte / 1000.0;
  };
  const double cast = 2 + 4;
  const double sum = 4;
  const double in_place = 4 + 4;
  EXPECT_DOUBLE_EQ(traffic(OpKind::kCrossEntropy), cast + in_place);
  EXPECT_DOUBLE_EQ(traffic(OpKind::kParallelCrossEntropy), cast + 2 * sum + 3 * in_place);
  EXPECT_DOUBLE_EQ(traffic(OpKind::kCrossEntropyBackward), in_place + cast);
  EXPECT_DOUBLE_EQ(traffic(OpKind::kFusedCrossEntropy), 2 + (2 + 2));
}

TEST(Sweeps, CastsThatMakeBothCopiesReadOnceAndWriteTwice) {
  const auto traffic = [](Precision precision) {
    return memory_traffic(sweep(OpKind::kTransposeQuantize, precision, 64, 128)) / byte /
           (64.0 * 128.0);
  };
  EXPECT_DOUBLE_EQ(traffic(Precision::kFp8), 2.0 + 2.0 * 1.0);
  EXPECT_DOUBLE_EQ(traffic(Precision::kFp8Block), 2.0 + (1.0 + 4.0 / 128.0));
  // Two passes over the input: NVFP4's scales need the tensor's largest element first.
  EXPECT_DOUBLE_EQ(traffic(Precision::kFp4), 2.0 * 2.0 + 2.0 * (0.5 + 1.0 / 16.0));
}

TEST(Sweeps, TrafficGrowsWithPrecisionAndInProportionToTheShape) {
  for (const OpKind kind : all_op_kinds()) {
    if (shape_form(kind) != ShapeForm::kSweep) {
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
  EXPECT_EQ(all_op_kinds().back(), OpKind::kExpertCombineLowLatency);
  for (std::size_t i = 0; i < all_op_kinds().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(all_op_kinds()[i]), i);
  }
}

TEST(PrecisionNames, AreDifferentForEveryPrecision) {
  std::set<std::string_view> names;
  for (const Precision precision : all_precisions()) {
    EXPECT_FALSE(name(precision).empty());
    names.insert(name(precision));
  }
  EXPECT_EQ(names.size(), all_precisions().size());
  EXPECT_EQ(all_precisions().back(), Precision::kFp4Weights);
}

TEST(OpShape, IsOfTheFormOfItsKind) {
  for (const OpKind kind : all_op_kinds()) {
    const Op op = any(kind, Precision::kBf16);
    EXPECT_EQ(op.shape.index(), static_cast<std::size_t>(shape_form(kind))) << name(kind);
    EXPECT_TRUE(flops(op) > Flops{} || memory_traffic(op) > Bytes{} || link_traffic(op) > Bytes{})
        << name(kind);
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
