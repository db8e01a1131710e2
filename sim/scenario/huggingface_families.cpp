#include "sim/scenario/huggingface_families.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "sim/scenario/huggingface_parts.hpp"

namespace towtank {
namespace {

void read_llama(ConfigFields& config) {
  read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kAsHeads, HeadDim::kHiddenOverHeads);
  read_attention_bias(config, false);
  config.write("mlp_bias", config.flag("mlp_bias").value_or(false), "mlp_bias");
  config.copy("dense_intermediate", "intermediate_size");
  read_activation(config, "hidden_act", "gated");
}

void read_mistral(ConfigFields& config) {
  read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kHiddenOverHeads);
  read_window_of_all(config, 4096);
  config.copy("dense_intermediate", "intermediate_size");
  read_activation(config, "hidden_act", "gated");
}

void read_mixtral(ConfigFields& config) {
  read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kHiddenOverHeads);
  read_window_of_all(config, std::nullopt);
  write_softmax_router(config, "num_local_experts");
  config.copy("moe.intermediate", "intermediate_size");
  read_activation(config, "hidden_act", "gated");
}

void read_qwen2(ConfigFields& config) {
  const std::int64_t layers = read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kHiddenOverHeads);
  config.write("attention.qkv_bias", true, "num_attention_heads");
  read_qwen_windows(config, layers);
  config.copy("dense_intermediate", "intermediate_size");
  read_activation(config, "hidden_act", "gated");
}

void read_qwen2_moe(ConfigFields& config) {
  const std::int64_t layers = read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kHiddenOverHeads);
  config.write("attention.qkv_bias", config.flag("qkv_bias").value_or(true), "qkv_bias");
  read_qwen_windows(config, layers);
  read_activation(config, "hidden_act", "gated");
  if (read_sparse_layers(config, layers)) {
    write_softmax_router(config, "num_experts");
    config.copy("moe.intermediate", "moe_intermediate_size");
    config.write("moe.shared_experts", std::int64_t{1}, "shared_expert_intermediate_size");
    config.copy("moe.shared_intermediate", "shared_expert_intermediate_size");
  }
}

void read_qwen3(ConfigFields& config) {
  const std::int64_t layers = read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kRequired);
  read_attention_bias(config, false);
  config.write("attention.qk_norm", true, "num_attention_heads");
  read_qwen_windows(config, layers);
  config.copy("dense_intermediate", "intermediate_size");
  read_activation(config, "hidden_act", "gated");
}

void read_qwen3_moe(ConfigFields& config) {
  const std::int64_t layers = read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kRequired);
  read_attention_bias(config, false);
  config.write("attention.qk_norm", true, "num_attention_heads");
  read_qwen_windows(config, layers);
  read_activation(config, "hidden_act", "gated");
  if (read_sparse_layers(config, layers)) {
    write_softmax_router(config, "num_experts");
    config.copy("moe.intermediate", "moe_intermediate_size");
  }
}

/// Groups among which a token's experts are chosen: the method's name says whether there are any,
/// and whether a bias corrects the scores.
void read_deepseek_router(ConfigFields& config, bool version_3) {
  const std::string method = config.text("topk_method").value_or(version_3 ? "noaux_tc" : "greedy");
  const std::string scoring =
      config.text("scoring_func").value_or(version_3 ? "sigmoid" : "softmax");
  if (method != "greedy" && method != "group_limited_greedy" && method != "noaux_tc") {
    config.refuse("topk_method",
                  fmt::format("\"topk_method\": \"{}\" is not known", shown(method)),
                  "one of: greedy, group_limited_greedy, noaux_tc");
  }
  if (scoring != "sigmoid" && scoring != "softmax") {
    config.refuse("scoring_func",
                  fmt::format("\"scoring_func\": \"{}\" is not known", shown(scoring)),
                  "one of: sigmoid, softmax");
  }
  config.write("moe.gating", scoring, "scoring_func");
  config.write("moe.router_bias", method == "noaux_tc", "topk_method");
  const std::optional<std::int64_t> groups = config.integer("n_group");
  const std::optional<std::int64_t> chosen = config.integer("topk_group");
  if (method != "greedy" && groups && chosen) {
    config.write("moe.groups", *groups, "n_group");
    config.write("moe.groups_per_token", *chosen, "topk_group");
  }
}

void read_deepseek_experts(ConfigFields& config, std::int64_t layers, bool version_3) {
  const std::int64_t dense = config.integer("first_k_dense_replace").value_or(version_3 ? 3 : 0);
  const std::int64_t every = config.integer("moe_layer_freq").value_or(1);
  const std::optional<std::int64_t> width = config.integer("intermediate_size");
  const bool any = config.integer("n_routed_experts").has_value() && every > 0;
  std::vector<bool> with_experts(static_cast<std::size_t>(layers));
  for (std::int64_t i = 0; any && i < layers; ++i) {
    with_experts[static_cast<std::size_t>(i)] = i >= dense && i % every == 0;
  }
  if (std::ranges::find(with_experts, false) != with_experts.end() && width) {
    config.write("dense_intermediate", *width, "intermediate_size");
  }
  if (!write_expert_layers(config, with_experts, "first_k_dense_replace")) {
    return;
  }
  config.copy("moe.experts", "n_routed_experts");
  config.copy("moe.top_k", "num_experts_per_tok");
  config.copy("moe.intermediate", "moe_intermediate_size");
  config.copy_if_there("moe.shared_experts", "n_shared_experts");
  read_deepseek_router(config, version_3);
}

void read_deepseek(ConfigFields& config, bool version_3) {
  const std::int64_t layers = read_decoder(config, false);
  config.write("attention.kind", std::string("mla"), "kv_lora_rank");
  config.copy("attention.heads", "num_attention_heads");
  config.write("attention.query_rank", config.integer("q_lora_rank").value_or(0), "q_lora_rank");
  config.copy("attention.key_value_rank", "kv_lora_rank");
  config.copy("attention.nope_head_dim", "qk_nope_head_dim");
  config.copy("attention.rope_head_dim", "qk_rope_head_dim");
  config.copy("attention.value_head_dim", "v_head_dim");
  // What follows from the others.
  config.integer("num_key_value_heads");
  config.integer("qk_head_dim");
  config.integer("head_dim");
  refuse_flag(config, "attention_bias", "latent attention with biases is not modelled");
  read_deepseek_experts(config, layers, version_3);
  read_activation(config, "hidden_act", "gated");
  config.copy_if_there("mtp_modules", "num_nextn_predict_layers");
}

void read_deepseek_v2(ConfigFields& config) {
  read_deepseek(config, false);
}

void read_deepseek_v3(ConfigFields& config) {
  read_deepseek(config, true);
}

/// Experts in the layers that "moe_layers" lists, or in every "interleave_moe_layer_step"-th.
bool read_llama4_layers(ConfigFields& config, std::int64_t layers) {
  const std::int64_t step = config.integer("interleave_moe_layer_step").value_or(1);
  const std::vector<std::int64_t> listed = config.integers("moe_layers");
  const bool by_list = config.has("moe_layers") && !listed.empty();
  std::vector<bool> with_experts(static_cast<std::size_t>(layers));
  for (std::int64_t i = 0; i < layers; ++i) {
    with_experts[static_cast<std::size_t>(i)] =
        by_list ? std::ranges::find(listed, i) != listed.end() : step > 0 && (i + 1) % step == 0;
  }
  const std::optional<std::int64_t> width = config.integer("intermediate_size_mlp");
  if (std::ranges::find(with_experts, false) != with_experts.end() && width) {
    config.write("dense_intermediate", *width, "intermediate_size_mlp");
  }
  return write_expert_layers(
      config, with_experts, by_list ? "moe_layers" : "interleave_moe_layer_step");
}

void read_llama4(ConfigFields& config) {
  const std::int64_t layers = read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kRequired);
  read_attention_bias(config, false);
  config.write("attention.qk_norm", config.flag("use_qk_norm").value_or(true), "use_qk_norm");
  config.copy_if_there("attention.chunk", "attention_chunk_size");
  read_layer_types(config, layers);
  if (read_llama4_layers(config, layers)) {
    config.copy("moe.experts", "num_local_experts");
    config.copy("moe.top_k", "num_experts_per_tok");
    config.copy("moe.intermediate", "intermediate_size");
    config.write("moe.shared_experts", std::int64_t{1}, "intermediate_size");
    config.write("moe.gating", std::string("sigmoid"), "num_local_experts");
    config.write("moe.router_bias", false, "num_local_experts");
  } else {
    config.integer("num_local_experts");
    config.integer("num_experts_per_tok");
    config.integer("intermediate_size");
  }
  read_activation(config, "hidden_act", "gated");
  const std::optional<std::int64_t> interval = config.integer("no_rope_layer_interval");
  const std::vector<std::int64_t> rotated = config.integers("no_rope_layers");
  if (interval || std::ranges::find(rotated, 0) != rotated.end()) {
    config.note(interval ? "no_rope_layer_interval" : "no_rope_layers",
                "queries and keys are taken to be rotated in every layer");
  }
}

void read_gpt_oss(ConfigFields& config) {
  const std::int64_t layers = read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kRequired);
  read_attention_bias(config, true);
  if (!read_layer_types(config, layers)) {  // then they alternate
    std::vector<bool> windowed(static_cast<std::size_t>(layers));
    for (std::size_t i = 0; i < windowed.size(); ++i) {
      windowed[i] = i % 2 == 0;
    }
    write_windows(
        config, windowed, config.integer("sliding_window").value_or(128), "sliding_window");
  }
  write_softmax_router(config, "num_local_experts");
  config.write("moe.router_bias", true, "num_local_experts");
  config.copy("moe.intermediate", "intermediate_size");
  config.write("mlp_bias", true, "intermediate_size");
  read_activation(config, "hidden_act", "gated");
}

void read_nemotron(ConfigFields& config) {
  read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kAsHeads, HeadDim::kHiddenOverHeads);
  read_attention_bias(config, false);
  config.write("mlp_bias", config.flag("mlp_bias").value_or(false), "mlp_bias");
  config.write("norm", std::string("layer"), "norm_eps");
  config.copy("dense_intermediate", "intermediate_size");
  read_activation(config, "hidden_act", "plain");
}

void read_olmoe(ConfigFields& config) {
  read_decoder(config, false);
  read_grouped_attention(config, KvHeads::kAsHeads, HeadDim::kHiddenOverHeads);
  read_attention_bias(config, false);
  config.write("attention.qk_norm", true, "num_attention_heads");
  write_softmax_router(config, "num_experts");
  config.copy("moe.intermediate", "intermediate_size");
  read_activation(config, "hidden_act", "gated");
}

void read_gpt2(ConfigFields& config) {
  config.write("layers", config.required_layers("n_layer"), "n_layer");
  write_gpt(config, "n_embd", config.integer("n_inner"));
  config.copy("attention.heads", "n_head");
  config.copy("learned_positions", "n_positions");
  read_activation(config, "activation_function", "plain");
}

void read_bloom(ConfigFields& config) {
  const char* const layers = config.has("n_layer") ? "n_layer" : "num_hidden_layers";
  config.write("layers", config.required_layers(layers), layers);
  write_gpt(config, config.has("n_embed") ? "n_embed" : "hidden_size", std::nullopt);
  config.copy("attention.heads",
              config.has("num_attention_heads") ? "num_attention_heads" : "n_head");
  config.write("mlp", std::string("plain"), layers);
  config.flag("apply_residual_connection_post_layernorm");  // moves the residual, adds no work
}

void read_gemma(ConfigFields& config) {
  read_decoder(config, true);
  read_grouped_attention(config, KvHeads::kRequired, HeadDim::kRequired);
  read_attention_bias(config, false);
  config.copy("dense_intermediate", "intermediate_size");
  config.text("hidden_activation");
  read_activation(config, "hidden_act", "gated");
}

}  // namespace

const std::vector<HuggingfaceFamily>& huggingface_families() {
  static const std::vector<HuggingfaceFamily> kFamilies = {
      {"LlamaForCausalLM", {"llama"}, read_llama},
      {"MistralForCausalLM", {"mistral"}, read_mistral},
      {"MixtralForCausalLM", {"mixtral"}, read_mixtral},
      {"Qwen2ForCausalLM", {"qwen2"}, read_qwen2},
      {"Qwen2MoeForCausalLM", {"qwen2_moe"}, read_qwen2_moe},
      {"Qwen3ForCausalLM", {"qwen3"}, read_qwen3},
      {"Qwen3MoeForCausalLM", {"qwen3_moe"}, read_qwen3_moe},
      {"DeepseekV2ForCausalLM", {"deepseek_v2"}, read_deepseek_v2},
      {"DeepseekV3ForCausalLM", {"deepseek_v3", "kimi_k2"}, read_deepseek_v3},
      {"Llama4ForConditionalGeneration", {"llama4"}, read_llama4},
      {"Llama4ForCausalLM", {"llama4_text"}, read_llama4},
      {"GptOssForCausalLM", {"gpt_oss"}, read_gpt_oss},
      {"NemotronForCausalLM", {"nemotron"}, read_nemotron},
      {"OlmoeForCausalLM", {"olmoe"}, read_olmoe},
      {"GPT2LMHeadModel", {"gpt2"}, read_gpt2},
      {"BloomForCausalLM", {"bloom"}, read_bloom},
      {"GemmaForCausalLM", {"gemma"}, read_gemma}};
  return kFamilies;
}

}  // namespace towtank
