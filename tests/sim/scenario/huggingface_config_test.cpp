// config.json files with the values that are published, and damaged ones.
#include <random>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/scenario/model_file.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

auto parts(const LatentAttention& a) {
  return std::tie(
      a.heads, a.query_rank, a.key_value_rank, a.nope_head_dim, a.rope_head_dim, a.value_head_dim);
}

auto parts(const GroupedAttention& a) {
  return std::tie(a.heads,
                  a.kv_heads,
                  a.head_dim,
                  a.window,
                  a.full_every,
                  a.rotary,
                  a.qkv_bias,
                  a.output_bias,
                  a.qk_norm);
}

auto parts(const ExpertLayer& m) {
  return std::tie(m.experts,
                  m.top_k,
                  m.groups,
                  m.groups_per_token,
                  m.shared_experts,
                  m.intermediate,
                  m.shared_intermediate,
                  m.every,
                  m.bias);
}

auto parts(const Architecture& m) {
  return std::tie(m.layers,
                  m.dense_layers,
                  m.hidden,
                  m.dense_intermediate,
                  m.vocabulary,
                  m.mtp_modules,
                  m.gated_mlp,
                  m.mlp_bias,
                  m.layer_norm,
                  m.tied_embeddings,
                  m.learned_positions);
}

void expect_same(const Architecture& a, const Architecture& b) {
  EXPECT_EQ(parts(a), parts(b));
  EXPECT_EQ(parts(a.moe), parts(b.moe));
  ASSERT_EQ(a.attention.index(), b.attention.index());
  if (const auto* latent = std::get_if<LatentAttention>(&a.attention)) {
    EXPECT_EQ(parts(*latent), parts(std::get<LatentAttention>(b.attention)));
  } else {
    EXPECT_EQ(parts(std::get<GroupedAttention>(a.attention)),
              parts(std::get<GroupedAttention>(b.attention)));
  }
}

/// `fields` as the text of an object.
std::string config(const std::string& architecture,
                   const std::string& model_type,
                   const std::string& fields) {
  return "{\"architectures\": [\"" + architecture + "\"],\n \"model_type\": \"" + model_type +
         "\",\n \"torch_dtype\": \"bfloat16\", \"bos_token_id\": 1,\n " + fields + "}\n";
}

ModelFile read(const std::string& text) {
  const TemporaryFolder folder;
  return read_model_file(folder.write("some-model/config.json", text), {});
}

std::vector<Diagnostic> mistakes_in(const std::string& text) {
  try {
    read(text);
    return {};
  } catch (const InputError& error) {
    return error.diagnostics();
  }
}

const std::string kLlama3 =
    config("LlamaForCausalLM",
           "llama",
           R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
 "hidden_act": "silu", "attention_bias": false, "attention_dropout": 0.0,
 "tie_word_embeddings": false, "rope_scaling": null, "max_position_embeddings": 8192)");

struct Published {
  std::string model;  // in the library
  std::string text;
};

const std::vector<Published>& published() {
  static const std::string kDeepseek =
      R"("hidden_act": "silu", "kv_lora_rank": 512, "qk_nope_head_dim": 128, "v_head_dim": 128,
 "qk_rope_head_dim": 64, "moe_layer_freq": 1, "attention_bias": false, "ep_size": 1, )";
  static const std::string kLlama4 =
      R"("hidden_act": "silu", "hidden_size": 5120, "num_hidden_layers": 48, "head_dim": 128,
 "num_attention_heads": 40, "num_key_value_heads": 8, "intermediate_size": 8192,
 "intermediate_size_mlp": 16384, "vocab_size": 202048, "num_experts_per_tok": 1,
 "attention_chunk_size": 8192, "attention_bias": false, "no_rope_layers": [], )";
  static const std::vector<Published> kPublished = {
      {"llama3-8b", kLlama3},
      {"mixtral-8x7b",
       config("MixtralForCausalLM",
              "mixtral",
              R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32000, "hidden_act": "silu",
 "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": null)")},
      {"qwen2.5-7b",
       config("Qwen2ForCausalLM",
              "qwen2",
              R"("hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
 "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064, "hidden_act": "silu",
 "sliding_window": 131072, "use_sliding_window": false, "max_window_layers": 28)")},
      {"qwen2-57b-a14b",
       config("Qwen2MoeForCausalLM",
              "qwen2_moe",
              R"("hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
 "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 151936, "hidden_act": "silu",
 "num_experts": 64, "num_experts_per_tok": 8, "moe_intermediate_size": 2560,
 "shared_expert_intermediate_size": 20480, "decoder_sparse_step": 1, "sliding_window": 65536,
 "use_sliding_window": false, "max_window_layers": 28)")},
      {"qwen3-30b-a3b",
       config("Qwen3MoeForCausalLM",
              "qwen3_moe",
              R"("hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
 "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 6144, "vocab_size": 151936,
 "hidden_act": "silu", "num_experts": 128, "num_experts_per_tok": 8,
 "moe_intermediate_size": 768, "mlp_only_layers": [], "decoder_sparse_step": 1)")},
      {"deepseek-v2",
       config("DeepseekV2ForCausalLM",
              "deepseek_v2",
              kDeepseek +
                  R"("hidden_size": 5120, "num_hidden_layers": 60, "num_attention_heads": 128,
 "intermediate_size": 12288, "vocab_size": 102400, "q_lora_rank": 1536, "n_routed_experts": 160,
 "n_shared_experts": 2, "num_experts_per_tok": 6, "moe_intermediate_size": 1536, "n_group": 8,
 "topk_group": 3, "topk_method": "group_limited_greedy", "first_k_dense_replace": 1)")},
      {"deepseek-v2-lite",
       config("DeepseekV2ForCausalLM",
              "deepseek_v2",
              kDeepseek +
                  R"("hidden_size": 2048, "num_hidden_layers": 27, "num_attention_heads": 16,
 "intermediate_size": 10944, "vocab_size": 102400, "q_lora_rank": null, "n_routed_experts": 64,
 "n_shared_experts": 2, "num_experts_per_tok": 6, "moe_intermediate_size": 1408, "n_group": 1,
 "topk_group": 1, "topk_method": "greedy", "first_k_dense_replace": 1)")},
      {"deepseek-v3",
       config("DeepseekV3ForCausalLM",
              "deepseek_v3",
              kDeepseek +
                  R"("hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
 "intermediate_size": 18432, "vocab_size": 129280, "q_lora_rank": 1536, "n_routed_experts": 256,
 "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "n_group": 8,
 "topk_group": 4, "topk_method": "noaux_tc", "scoring_func": "sigmoid",
 "first_k_dense_replace": 3, "num_nextn_predict_layers": 1)")},
      {"kimi-k2",
       config("DeepseekV3ForCausalLM",
              "kimi_k2",
              kDeepseek +
                  R"("hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 64,
 "intermediate_size": 18432, "vocab_size": 163840, "q_lora_rank": 1536, "n_routed_experts": 384,
 "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "n_group": 1,
 "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid",
 "first_k_dense_replace": 1, "num_nextn_predict_layers": 0)")},
      {"llama4-scout",
       "{\"architectures\": [\"Llama4ForConditionalGeneration\"], \"model_type\": \"llama4\",\n"
       "\"vision_config\": {\"hidden_size\": 1408}, \"text_config\": {" +
           kLlama4 +
           R"("num_local_experts": 16, "interleave_moe_layer_step": 1, "use_qk_norm": true}})"},
      {"llama4-maverick",
       config("Llama4ForCausalLM",
              "llama4_text",
              kLlama4 + R"("num_local_experts": 128, "interleave_moe_layer_step": 2,
 "use_qk_norm": false)")},
      {"gpt-oss-20b",
       config("GptOssForCausalLM",
              "gpt_oss",
              R"("hidden_size": 2880, "num_hidden_layers": 24, "num_attention_heads": 64,
 "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2880, "vocab_size": 201088,
 "hidden_act": "silu", "num_local_experts": 32, "num_experts_per_tok": 4, "sliding_window": 128,
 "attention_bias": true, "swiglu_limit": 7.0)")},
      {"nemotron-4-340b",
       config("NemotronForCausalLM",
              "nemotron",
              R"("hidden_size": 18432, "num_hidden_layers": 96, "num_attention_heads": 96,
 "num_key_value_heads": 8, "intermediate_size": 73728, "vocab_size": 256000,
 "hidden_act": "relu2", "partial_rotary_factor": 0.5, "norm_eps": 1e-5)")},
      {"olmoe-7b",
       config("OlmoeForCausalLM",
              "olmoe",
              R"("hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 16,
 "num_key_value_heads": 16, "intermediate_size": 1024, "vocab_size": 50304, "hidden_act": "silu",
 "num_experts": 64, "num_experts_per_tok": 8, "clip_qkv": null)")},
      {"bloom-176b",
       config("BloomForCausalLM",
              "bloom",
              R"("n_embed": 14336, "n_layer": 70, "num_attention_heads": 112,
 "vocab_size": 250880, "hidden_dropout": 0.0, "pretraining_tp": 4)")}};
  return kPublished;
}

TEST(HuggingFaceConfig, DescribesTheModelThatTheLibraryHas) {
  for (const Published& each : published()) {
    SCOPED_TRACE(each.model);
    expect_same(read(each.text).model,
                read_model_file(shipped("models/" + each.model + ".toml"), {}).model);
  }
}

TEST(HuggingFaceConfig, LeavesNothingUnsaid) {
  EXPECT_TRUE(read(kLlama3).warnings.empty());
  const auto warnings = read(config("NemotronForCausalLM",
                                    "nemotron",
                                    R"("hidden_size": 64, "num_hidden_layers": 2,
 "num_attention_heads": 4, "intermediate_size": 256, "vocab_size": 100, "hidden_act": "relu2",
 "partial_rotary_factor": 0.5, "favourite_colour": "green")"))
                            .warnings;
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0].message, HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(warnings[1].message, HasSubstr("ignored: \"favourite_colour\""));
}

TEST(HuggingFaceConfig, OtherFamiliesMeanWhatTheirDocumentationSays) {
  const Architecture gpt2 = read(config("GPT2LMHeadModel",
                                        "gpt2",
                                        R"("n_embd": 768, "n_layer": 12, "n_head": 12,
 "n_positions": 1024, "n_inner": null, "vocab_size": 50257, "activation_function": "gelu_new")"))
                                .model;
  EXPECT_EQ(gpt2.dense_intermediate, 3072);
  EXPECT_EQ(gpt2.learned_positions, 1024);
  EXPECT_TRUE(gpt2.tied_embeddings && gpt2.layer_norm && gpt2.mlp_bias && !gpt2.gated_mlp);
  const std::string mistral = R"("hidden_size": 4096, "num_hidden_layers": 32,
 "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
 "vocab_size": 32000, "hidden_act": "silu")";
  const auto window = [](const std::string& fields) {
    return std::get<GroupedAttention>(
               read(config("MistralForCausalLM", "mistral", fields)).model.attention)
        .window;
  };
  EXPECT_EQ(window(mistral), 4096);  // where nothing is said
  EXPECT_EQ(window(mistral + ", \"sliding_window\": null"), 0);
}

TEST(HuggingFaceConfig, WhatIsNotModelledIsAMistake) {
  const auto with_field = [](const std::string& field) {
    return kLlama3.substr(0, kLlama3.size() - 2) + ", " + field + "}";
  };
  EXPECT_THAT(mistakes_in(with_field("\"mamba_d_state\": 128")).at(0).message,
              HasSubstr("\"mamba_d_state\" is not known"));
  EXPECT_TRUE(mistakes_in(with_field("\"mamba_d_state\": null")).empty());
  EXPECT_THAT(mistakes_in(config("JambaForCausalLM", "jamba", "\"a\": 1")).at(0).message,
              HasSubstr("\"JambaForCausalLM\" is not modelled"));
  EXPECT_THAT(mistakes_in("{}").at(0).message, HasSubstr("neither \"architectures\""));
  EXPECT_THAT(mistakes_in(with_field("\"hidden_size\": 1")).at(0).message, HasSubstr("second"));
}

TEST(HuggingFaceConfig, MistakesStandWhereTheFieldDoes) {
  std::string text = kLlama3;
  text.replace(text.find("\"num_key_value_heads\": 8"), 24, "\"num_key_value_heads\": \"8\"");
  const auto mistakes = mistakes_in(text);
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].message,
            "\"num_key_value_heads\": expected an integer, found the text \"8\"");
  EXPECT_EQ(mistakes[0].place.line, 5);
  EXPECT_EQ(mistakes[0].place.column, 2);
  const auto grammar = mistakes_in("{\"architectures\": [\n  oops]}");
  ASSERT_EQ(grammar.size(), 1U);
  EXPECT_EQ(grammar[0].place.line, 2);
}

TEST(HuggingFaceConfig, OfAScenarioTakesOverrides) {
  const TemporaryFolder folder;
  folder.write("llama/config.json", kLlama3);
  std::string text = whole_scenario();
  const std::size_t from = text.find("[model]");
  text.replace(from, text.find("[cluster]") - from, "");
  text.replace(text.find("expert = 8\n"), 11, "");
  const std::string file = folder.write("s.toml", "model = \"llama/config.json\"\n" + text);
  const Scenario scenario = read_scenario(file, {{.key = "model.layers", .value = "4"}});
  EXPECT_EQ(scenario.model.name, "llama");
  EXPECT_EQ(scenario.model.layers, 4);
  EXPECT_EQ(scenario.model.hidden, 4096);
  EXPECT_EQ(place_of(scenario, "model.hidden").line, 4);
  const auto refused = [&file](const Override& setting) {
    try {
      read_scenario(file, {setting});
      return std::string();
    } catch (const InputError& error) {
      return error.diagnostics().front().message;
    }
  };
  EXPECT_THAT(refused({.key = "plan.expert", .value = "2"}), HasSubstr("without experts"));
  EXPECT_THAT(refused({.key = "plan.recompute", .value = "[\"up-projections\"]"}),
              HasSubstr("latent attention"));
  EXPECT_THAT(refused({.key = "model.learned_positions", .value = "1024"}),
              HasSubstr("learned positions"));
  EXPECT_THAT(refused({.key = "model.attention.chunk", .value = "1024"}), HasSubstr("one chunk"));
}

TEST(HuggingFaceConfig, DamagedEndsInAModelOrAnInputError) {
  std::mt19937 random(42);
  const std::vector<std::string> pieces = {"null",
                                           "-1",
                                           "1e400",
                                           "99999999999999999999",
                                           "[",
                                           "}",
                                           "\"",
                                           "{\"a\":",
                                           "true",
                                           "\xff",
                                           "0.5"};
  const TemporaryFolder folder;
  int sound = 0;
  constexpr std::size_t kRounds = 3000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    std::string text = published()[round % published().size()].text;
    const std::size_t at = random() % text.size();
    if (round % 3 == 0) {
      text.resize(at);
    } else if (round % 3 == 1) {
      const std::size_t value = text.find(": ", at);
      const std::size_t end = text.find_first_of(",}", value == std::string::npos ? at : value);
      if (value != std::string::npos && end != std::string::npos) {
        text.replace(value + 2, end - value - 2, pieces[random() % pieces.size()]);
      }
    } else {
      text[at] = static_cast<char>(random() % 256);
    }
    try {
      read_model_file(folder.write("m.json", text), {});
      ++sound;
    } catch (const InputError& error) {
      EXPECT_FALSE(error.diagnostics().empty());
      EXPECT_FALSE(error.diagnostics().front().place.file.empty());
    }
  }
  EXPECT_GT(sound, 100);
  EXPECT_LT(sound, static_cast<int>(kRounds) / 2 + 500);
}

}  // namespace
}  // namespace towtank
