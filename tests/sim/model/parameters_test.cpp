// DeepSeek's published sizes come out of the descriptions of its architectures.
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
  const double dense = static_cast<double>(model.dense_layers);
  const double moe = static_cast<double>(model.layers) - dense;
  const double bias = static_cast<double>(model.moe.experts);
  return dense * (block.attention + block.dense_mlp) +
         moe * (block.attention + block.router - bias + block.shared_experts +
                static_cast<double>(model.moe.top_k) * block.expert) +
         block.head;
}

/// Attention's training work per token by hand: each of the pairs costs a multiply-add in every
/// dimension of Q K^T (192 wide in DeepSeek's models) and of P V (128), and twice that backward.
double attention_flop_of_a_token(const Architecture& model, double keys) {
  const LatentAttention& mla = model.attention;
  const double widths =
      static_cast<double>(mla.nope_head_dim + mla.rope_head_dim + mla.value_head_dim);
  return 3.0 * 2.0 * widths * keys * static_cast<double>(mla.heads * model.layers);
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
  for (const Architecture& model : {deepseek_v3(), deepseek_v2(), small_model()}) {
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

}  // namespace
}  // namespace towtank
