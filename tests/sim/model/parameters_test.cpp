// Published sizes come out of the descriptions of its architectures.
#include "sim/model/parameters.hpp"

#include <gtest/gtest.h>

#include "tests/sim/model/architectures.hpp"

namespace towtank {
namespace {

constexpr double kBillion = 1e9;
constexpr std::int64_t kSequence = 4096;

void expect_within(double value, double published, double relative) {
  EXPECT_NEAR(value, published, relative * published);
}

/// The layers' parameters of the linear maps that a token passes: no norms, biases or embedding.
double linear_parameters_of_a_token(const Architecture& model) {
  const BlockParameters block = block_parameters(model);
  const auto moe = static_cast<double>(layers_with_experts(model));
  const double dense = static_cast<double>(model.layers) - moe;
  const double bias = static_cast<double>(model.moe.bias ? model.moe.experts : 0);
  return dense * (block.attention + block.dense_mlp) +
         moe * (block.attention + block.router - bias + block.shared_experts +
                static_cast<double>(model.moe.top_k) * block.expert) +
         block.head;
}

/// Attention's training work per token by hand: each of the pairs costs a multiply-add in every
/// dimension of Q K^T (192 wide in DeepSeek's models) and of P V (128), and twice that backward.
double attention_flop_of_a_token(const Architecture& model, double keys) {
  double widths = 0.0;
  if (const auto* mla = std::get_if<LatentAttention>(&model.attention)) {
    widths = static_cast<double>(mla->nope_head_dim + mla->rope_head_dim + mla->value_head_dim);
  } else {
    widths = 2.0 * static_cast<double>(std::get<GroupedAttention>(model.attention).head_dim);
  }
  const std::int64_t heads = attention_heads(model.attention);
  return 3.0 * 2.0 * widths * keys * static_cast<double>(heads * model.layers);
}

TEST(DeepSeekV3, Has671BillionParameters) {
  expect_within(total_parameters(deepseek_v3()), 671 * kBillion, 0.001);
}

TEST(DeepSeekV3, Uses37BillionParametersForAToken) {
  expect_within(active_parameters(deepseek_v3()), 37 * kBillion, 0.02);
}

// The release notes print 36.7B "including 0.9B for embedding and 0.9B for the output head". The
// layers alone have 35.7B, so that the two would make 37.55B; 36.7B holds one of the two.
TEST(DeepSeekV3, Uses36Point7BillionParametersWithoutTheEmbeddingLookUp) {
  const Architecture model = deepseek_v3();
  const BlockParameters block = block_parameters(model);
  expect_within(block.embedding, 0.9 * kBillion, 0.05);
  expect_within(block.head, 0.9 * kBillion, 0.05);
  expect_within(active_parameters(model) - block.embedding, 36.7 * kBillion, 0.003);
}

// Its MoE layer alone has 11.51B; the projection that joins it to the model, 0.10B, is ours, too.
TEST(DeepSeekV3, MtpModuleHas11Point5BillionParametersOfItsOwn) {
  const Architecture model = deepseek_v3();
  expect_within(mtp_parameters(model), 11.5 * kBillion, 0.01);
  expect_within(mtp_parameters(model) - block_parameters(model).mtp_join, 11.5 * kBillion, 0.001);
}

TEST(DeepSeekV3, ParametersDoNotCountTheMtpModule) {
  Architecture without = deepseek_v3();
  without.mtp_modules = 0;
  EXPECT_EQ(total_parameters(without), total_parameters(deepseek_v3()));
  EXPECT_EQ(active_parameters(without), active_parameters(deepseek_v3()));
  EXPECT_EQ(mtp_parameters(without), 0.0);
}

TEST(DeepSeekV3, CachesTheLatentAndTheRotaryKeyOfEachLayer) {
  EXPECT_EQ(kv_cache_per_token(deepseek_v3(), 2.0 * byte) / byte, 70'272.0);
}

TEST(DeepSeekV3, TrainsWith250GigaflopAToken) {
  const Flops work = training_flops_per_token(deepseek_v3(), kSequence, AttentionCount::kCausal);
  expect_within(work / GFLOP, 250.0, 0.005);
}

// 432 and 385 TFLOPS are one measured rate of tokens, counted both ways.
TEST(DeepSeekV3, FullToCausalWorkIsThePublishedRatioOfRates) {
  const Architecture model = deepseek_v3();
  const double ratio = training_flops_per_token(model, kSequence, AttentionCount::kFull) /
                       training_flops_per_token(model, kSequence, AttentionCount::kCausal);
  expect_within(ratio, 432.0 / 385.0, 0.005);
}

// MTP is an auxiliary objective; the published work is the main model's.
TEST(DeepSeekV3, WorkDoesNotCountTheMtpModule) {
  Architecture without = deepseek_v3();
  without.mtp_modules = 0;
  EXPECT_EQ(training_flops_per_token(without, kSequence, AttentionCount::kCausal).si(),
            training_flops_per_token(deepseek_v3(), kSequence, AttentionCount::kCausal).si());
}

TEST(TrainingWork, IsSixPerLinearParameterAndAttention) {
  for (const Architecture& model : {deepseek_v3(),
                                    deepseek_v2(),
                                    small_model(),
                                    llama31_70b(),
                                    mixtral_8x7b(),
                                    qwen3_30b(),
                                    small_interleaved_model()}) {
    for (const std::int64_t sequence : {1024, 4096, 32768}) {
      const double keys = static_cast<double>(sequence);
      const double linear = 6.0 * linear_parameters_of_a_token(model);
      EXPECT_NEAR(training_flops_per_token(model, sequence, AttentionCount::kCausal) / flop,
                  linear + attention_flop_of_a_token(model, keys / 2.0),
                  1e-9 * linear);
      EXPECT_NEAR(training_flops_per_token(model, sequence, AttentionCount::kFull) / flop,
                  linear + attention_flop_of_a_token(model, keys),
                  1e-9 * linear);
    }
  }
}

TEST(DeepSeekV2, Has236BillionParametersAnd21BillionActive) {
  expect_within(total_parameters(deepseek_v2()), 236 * kBillion, 0.01);
  expect_within(active_parameters(deepseek_v2()), 21 * kBillion, 0.02);
}

TEST(DeepSeekV2, TrainsWith155GigaflopAToken) {
  const Flops work = training_flops_per_token(deepseek_v2(), kSequence, AttentionCount::kCausal);
  expect_within(work / GFLOP, 155.0, 0.02);
}

// A query sees its window's keys, fewer at the sequence's start; every third layer sees all.
TEST(TrainingWork, CountsAWindowInTheLayersThatHaveOne) {
  const Architecture model = small_dense_model();
  Architecture without = model;
  std::get<GroupedAttention>(without.attention).window = 0;
  const auto work = [](const Architecture& of, AttentionCount count) {
    return training_flops_per_token(of, 2048, count) / flop;
  };
  const double windowed = (512.0 * 513.0 / 2.0 + (2048.0 - 512.0) * 512.0) / 2048.0;
  const double saved = 6.0 * 2.0 * 64.0 * 16.0 * 6.0 * (1024.0 - windowed);  // of six layers
  EXPECT_NEAR(work(without, AttentionCount::kCausal) - work(model, AttentionCount::kCausal),
              saved,
              1e-9 * saved);
  EXPECT_EQ(work(without, AttentionCount::kFull), work(model, AttentionCount::kFull));
  Architecture wide = model;
  std::get<GroupedAttention>(wide.attention).window = 2048;
  EXPECT_EQ(work(wide, AttentionCount::kCausal), work(without, AttentionCount::kCausal));
}

/// A model, and what its authors print.
struct Published {
  Architecture model;
  double total = 0.0;  // billions
};

// GPT-3: arXiv 2005.14165, Table D.1. Llama, Mixtral and Qwen: the tensors of the released weights,
// as their model cards count them. DeepSeek-V2: 235.7B in the release's weights.
TEST(PublishedTotals, ComeOutOfTheArchitectures) {
  for (const auto& [model, total] : std::vector<Published>{{gpt3_175b(), 174.6},
                                                           {llama31_8b(), 8.030},
                                                           {llama31_70b(), 70.554},
                                                           {llama31_405b(), 405.85},
                                                           {llama2_7b(), 6.738},
                                                           {llama2_70b(), 68.977},
                                                           {mixtral_8x7b(), 46.703},
                                                           {qwen3_30b(), 30.532},
                                                           {qwen3_235b(), 235.09},
                                                           {deepseek_v2(), 235.74},
                                                           {llama4_maverick(), 400.7}}) {
    SCOPED_TRACE(model.name);
    expect_within(total_parameters(model), total * kBillion, 0.001);
  }
  expect_within(active_parameters(mixtral_8x7b()), 12.88 * kBillion, 0.001);
  expect_within(active_parameters(llama4_maverick()), 17.0 * kBillion, 0.02);
  expect_within(active_parameters(qwen3_235b()), 22.0 * kBillion, 0.02);
}

// 12 h^2 of matrices and 13 h of biases and norms a layer, the token and position embeddings and
// the final norm: exact (Narayanan et al., arXiv 2104.04473, section 5.1, counts the same).
TEST(Gpt3, HasTheParametersOfMegatronsFormula) {
  const double h = 12288.0;
  EXPECT_EQ(total_parameters(gpt3_175b()),
            96.0 * (12.0 * h * h + 13.0 * h) + (50257.0 + 2048.0) * h + 2.0 * h);
}

// DeepSeek-V2-Lite (arXiv 2405.04434, appendix B): 15.7B, 2.4B of them active; queries are not
// compressed.
TEST(DeepSeekV2Lite, ProjectsQueriesStraightFromTheHiddenState) {
  Architecture lite = deepseek_v2();
  lite.layers = 27;
  lite.hidden = 2048;
  lite.dense_intermediate = 10944;
  lite.attention = LatentAttention{.heads = 16,
                                   .key_value_rank = 512,
                                   .nope_head_dim = 128,
                                   .rope_head_dim = 64,
                                   .value_head_dim = 128};
  lite.moe = {.experts = 64, .top_k = 6, .shared_experts = 2, .intermediate = 1408, .bias = false};
  expect_within(total_parameters(lite), 15.7 * kBillion, 0.002);
  const double linear = 6.0 * linear_parameters_of_a_token(lite);
  EXPECT_NEAR(training_flops_per_token(lite, kSequence, AttentionCount::kCausal) / flop,
              linear + attention_flop_of_a_token(lite, kSequence / 2.0),
              1e-9 * linear);
}

TEST(KvCache, OfGroupedQueriesHoldsTheirKeysAndValues) {
  EXPECT_EQ(kv_cache_per_token(llama31_70b(), 2.0 * byte) / byte, 2.0 * 2 * 8 * 128 * 80);
  EXPECT_EQ(kv_cache_per_token(llama2_7b(), 2.0 * byte) / byte, 524'288.0);
}

}  // namespace
}  // namespace towtank
