#include "sim/scenario/huggingface_config.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/base/suggest.hpp"
#include "sim/scenario/huggingface_fields.hpp"

namespace towtank {
namespace {

// Parts that families share -----------------------------------------------------------------------

/// Sizes under the names that most configs use.
std::int64_t read_decoder(ConfigFields& config, bool tied_by_default) {
  const std::int64_t layers = config.required_layers("num_hidden_layers");
  config.write("layers", layers, "num_hidden_layers");
  config.copy("hidden", "hidden_size");
  config.copy("vocabulary", "vocab_size");
  config.write("tied_embeddings",
               config.flag("tie_word_embeddings").value_or(tied_by_default),
               "tie_word_embeddings");
  return layers;
}

/// An activation that is one sweep over its input, whichever it is.
void read_activation(ConfigFields& config, std::string_view field, const char* mlp) {
  static constexpr std::array kActivations = {"silu",
                                              "swish",
                                              "gelu",
                                              "gelu_new",
                                              "gelu_fast",
                                              "gelu_pytorch_tanh",
                                              "quick_gelu",
                                              "relu",
                                              "relu2"};
  const std::optional<std::string> activation = config.text(field);
  if (activation && std::ranges::find(kActivations, *activation) == kActivations.end()) {
    config.refuse(field,
                  fmt::format("\"{}\": the activation \"{}\" is not known", field, *activation),
                  fmt::format("one of: {}", fmt::join(kActivations, ", ")));
  }
  config.write("mlp", std::string(mlp), field);
}

enum class KvHeads { kRequired, kAsHeads };
enum class HeadDim { kRequired, kHiddenOverHeads };

void read_grouped_attention(ConfigFields& config, KvHeads kv_heads, HeadDim head_dim) {
  config.write("attention.kind", std::string("gqa"), "num_attention_heads");
  config.copy("attention.heads", "num_attention_heads");
  if (kv_heads == KvHeads::kRequired) {
    config.copy("attention.kv_heads", "num_key_value_heads");
  } else {
    config.copy_if_there("attention.kv_heads", "num_key_value_heads");
  }
  if (head_dim == HeadDim::kRequired) {
    config.copy("attention.head_dim", "head_dim");
  } else {
    config.copy_if_there("attention.head_dim", "head_dim");
  }
}

/// One flag for the biases of all four projections.
void read_attention_bias(ConfigFields& config, bool by_default) {
  const bool bias = config.flag("attention_bias").value_or(by_default);
  config.write("attention.qkv_bias", bias, "attention_bias");
  config.write("attention.output_bias", bias, "attention_bias");
}

/// Which layers have a window, as "every so-manieth layer sees everything".
void write_windows(ConfigFields& config,
                   const std::vector<bool>& windowed,
                   std::int64_t window,
                   std::string_view field) {
  const auto first_full = std::ranges::find(windowed, false);
  if (std::ranges::find(windowed, true) == windowed.end()) {
    return;
  }
  config.write("attention.window", window, "sliding_window");
  if (first_full == windowed.end()) {
    return;
  }
  const std::int64_t every = first_full - windowed.begin() + 1;
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    if (windowed[i] != ((static_cast<std::int64_t>(i) + 1) % every != 0)) {
      config.refuse(field,
                    fmt::format("\"{}\": layer {} breaks the pattern of windows", field, i),
                    "modelled is a window in all layers, or in all but every n-th");
      return;
    }
  }
  config.write("attention.full_every", every, field);
}

/// "layer_types", as far as it is there: a word a layer. Returns whether it was.
bool read_layer_types(ConfigFields& config, std::int64_t layers) {
  const std::vector<std::string> types = config.texts("layer_types");
  if (types.empty()) {
    return false;
  }
  if (static_cast<std::int64_t>(types.size()) != layers) {
    config.refuse(
        "layer_types",
        fmt::format("\"layer_types\" has {} entries for {} layers", types.size(), layers));
    return true;
  }
  std::vector<bool> windowed;
  windowed.reserve(types.size());
  for (const std::string& type : types) {
    if (type != "full_attention" && type != "sliding_attention" && type != "chunked_attention") {
      config.refuse("layer_types",
                    fmt::format("\"layer_types\": \"{}\" is not modelled", shown(type)),
                    "modelled are full_attention and sliding_attention");
      return true;
    }
    windowed.push_back(type == "sliding_attention");
  }
  const std::optional<std::int64_t> window = config.integer("sliding_window");
  if (window) {
    write_windows(config, windowed, *window, "layer_types");
  }
  return true;
}

/// A window in all layers, unless it is null; `by_default` where it is absent.
void read_window_of_all(ConfigFields& config, std::optional<std::int64_t> by_default) {
  std::optional<std::int64_t> window = config.integer("sliding_window");
  if (!config.has("sliding_window")) {
    window = by_default;
  }
  if (window) {
    config.write("attention.window", *window, "sliding_window");
  }
}

/// Qwen's: a switch, and full attention in the layers below "max_window_layers".
void read_qwen_windows(ConfigFields& config, std::int64_t layers) {
  const bool used = config.flag("use_sliding_window").value_or(false);
  const std::optional<std::int64_t> window = config.integer("sliding_window");
  const std::optional<std::int64_t> first = config.integer("max_window_layers");
  if (!used) {
    config.texts("layer_types");
    return;
  }
  if (read_layer_types(config, layers) || !window) {
    return;
  }
  if (!first) {
    config.required("max_window_layers");
    return;
  }
  std::vector<bool> windowed(static_cast<std::size_t>(layers));
  for (std::int64_t i = 0; i < layers; ++i) {
    windowed[static_cast<std::size_t>(i)] = i >= *first;
  }
  write_windows(config, windowed, *window, "max_window_layers");
}

/// Which layers have experts, as "after the first dense ones, every so-manieth". False when none
/// has, or not in that way, which is recorded.
bool write_expert_layers(ConfigFields& config,
                         const std::vector<bool>& with_experts,
                         std::string_view field) {
  const auto layers = static_cast<std::int64_t>(with_experts.size());
  const auto found = std::ranges::find(with_experts, true);
  if (found == with_experts.end()) {
    return false;
  }
  const std::int64_t first = found - with_experts.begin();
  const auto second = std::find(found + 1, with_experts.end(), true);
  const std::int64_t every = second == with_experts.end() ? 1 : second - found;
  const std::int64_t dense = first - (every - 1);
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool has = dense >= 0 && i >= dense && (i - dense + 1) % every == 0;
    if (has != with_experts[static_cast<std::size_t>(i)]) {
      config.refuse(field,
                    fmt::format("\"{}\": layer {} breaks the pattern of expert layers", field, i),
                    "modelled are dense layers first, then experts in every n-th layer");
      return false;
    }
  }
  config.write("dense_layers", dense, field);
  config.write("moe.every", every, field);
  return true;
}

/// Layers i with (i + 1) % step == 0, but for those that are listed as dense; and the width of the
/// dense ones' MLP if there are any.
bool read_sparse_layers(ConfigFields& config, std::int64_t layers) {
  const std::int64_t step = config.integer("decoder_sparse_step").value_or(1);
  const std::vector<std::int64_t> dense = config.integers("mlp_only_layers");
  const std::optional<std::int64_t> width = config.integer("intermediate_size");
  if (step < 1) {
    config.refuse("decoder_sparse_step", "\"decoder_sparse_step\": expected 1 or more");
    return false;
  }
  std::vector<bool> with_experts(static_cast<std::size_t>(layers));
  for (std::int64_t i = 0; i < layers; ++i) {
    with_experts[static_cast<std::size_t>(i)] =
        (i + 1) % step == 0 && std::ranges::find(dense, i) == dense.end();
  }
  if (std::ranges::find(with_experts, false) != with_experts.end() && width) {
    config.write("dense_intermediate", *width, "intermediate_size");
  }
  return write_expert_layers(config, with_experts, "mlp_only_layers");
}

void write_softmax_router(ConfigFields& config, const char* experts) {
  config.copy("moe.experts", experts);
  config.copy("moe.top_k", "num_experts_per_tok");
  config.write("moe.gating", std::string("softmax"), experts);
}

/// Layer norms, biases on every projection, a plain MLP of four times the width.
void write_gpt(ConfigFields& config, std::string_view hidden, std::optional<std::int64_t> inner) {
  const std::int64_t width = config.required(hidden);
  constexpr std::int64_t kWidest = std::int64_t{1} << 40;  // the rules allow much less
  config.write("hidden", width, hidden);
  config.write(
      "dense_intermediate", inner.value_or(4 * std::clamp(width, -kWidest, kWidest)), hidden);
  config.write("norm", std::string("layer"), hidden);
  config.write("mlp_bias", true, hidden);
  config.write("attention.kind", std::string("gqa"), hidden);
  config.write("attention.qkv_bias", true, hidden);
  config.write("attention.output_bias", true, hidden);
  config.write("attention.rotary", false, hidden);
  config.copy("vocabulary", "vocab_size");
  config.write(
      "tied_embeddings", config.flag("tie_word_embeddings").value_or(true), "tie_word_embeddings");
}

void refuse_flag(ConfigFields& config, std::string_view field, const std::string& why) {
  if (config.flag(field).value_or(false)) {
    config.refuse(field, fmt::format("\"{}\": {}", field, why));
  }
}

// The families ------------------------------------------------------------------------------------

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

struct Family {
  std::string architecture;
  std::vector<std::string> model_types;
  void (*read)(ConfigFields& config);
};

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
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

/// The family that "architectures" names, or "model_type" where there is none. Throws InputError.
const Family& family_of(const JsonNode& config, const std::string& file) {
  const JsonNode* const architectures = find_field(config, "architectures");
  const JsonNode* const type = find_field(config, "model_type");
  const auto* items =
      architectures == nullptr ? nullptr : std::get_if<JsonItems>(&architectures->value);
  const auto* named = items == nullptr || items->empty()
                          ? nullptr
                          : std::get_if<std::string>(&items->front().value);
  const auto* typed = type == nullptr ? nullptr : std::get_if<std::string>(&type->value);
  if (named == nullptr && typed == nullptr) {
    throw InputError({.file = file},
                     "neither \"architectures\" nor \"model_type\": not the config of a model",
                     "expected is the config.json that Hugging Face shows beside the weights");
  }
  for (const Family& family : families()) {
    const bool type_fits = typed != nullptr && std::ranges::find(family.model_types, *typed) !=
                                                   family.model_types.end();
    if (named == nullptr ? type_fits
                         : family.architecture == *named && (typed == nullptr || type_fits)) {
      return family;
    }
  }
  const bool type_is_at_fault =
      named != nullptr &&
      std::ranges::find(families(), *named, &Family::architecture) != families().end();
  if (named == nullptr || type_is_at_fault) {
    throw InputError(type->place,
                     fmt::format("\"model_type\": \"{}\" is not known{}",
                                 shown(*typed),
                                 type_is_at_fault ? " for a " + *named : ""),
                     "a model that is like it can be described as a [model] table");
  }
  throw InputError(architectures->place,
                   fmt::format("\"architectures\": \"{}\" is not modelled", shown(*named)),
                   suggest(*named, known_huggingface_architectures()));
}

/// What any config may say beside its sizes.
void read_common(ConfigFields& config) {
  refuse_flag(config, "is_encoder_decoder", "encoders are not modelled");
  refuse_flag(config, "add_cross_attention", "cross attention is not modelled");
}

/// Fields that are modelled in part: what is left out is said.
void note_parts(const JsonNode& object, ConfigFields& config) {
  for (const auto& [field, node] : std::get<JsonMembers>(object.value)) {
    const auto* fraction = std::get_if<double>(&node.value);
    const auto* whole = std::get_if<std::int64_t>(&node.value);
    const bool positive =
        (fraction != nullptr && *fraction > 0.0) || (whole != nullptr && *whole > 0);
    const bool dropout = field.find("dropout") != std::string::npos || field.ends_with("_pdrop");
    if (dropout && positive) {
      config.note(field, fmt::format("\"{}\": dropout is not modelled", shown(field)));
    } else if (field == "partial_rotary_factor" && fraction != nullptr && *fraction < 1.0) {
      config.note(field, "\"partial_rotary_factor\": heads are taken to be rotated whole");
    } else if (field == "clip_qkv" && positive) {
      config.note(field, "\"clip_qkv\": clipping is not modelled");
    }
  }
}

bool is_noted(std::string_view field) {
  return field.find("dropout") != std::string_view::npos || field.ends_with("_pdrop") ||
         field == "partial_rotary_factor" || field == "clip_qkv";
}

/// Without the fields that note_parts() has dealt with, so that nobody calls them unknown.
JsonNode without_noted(const JsonNode& object) {
  JsonNode rest{.place = object.place, .value = JsonMembers{}};
  auto& members = std::get<JsonMembers>(rest.value);
  for (const JsonMember& member : std::get<JsonMembers>(object.value)) {
    if (!is_noted(member.key)) {
      members.push_back(member);
    }
  }
  return rest;
}

/// The text decoder inside a model that also sees: everything else of it is left out.
const JsonNode& text_config_of(const JsonNode& config,
                               const std::string& file,
                               std::vector<Diagnostic>& warnings) {
  const JsonNode* const text = find_field(config, "text_config");
  if (text == nullptr || !std::holds_alternative<JsonMembers>(text->value)) {
    throw InputError(text == nullptr ? Place{.file = file} : text->place,
                     "expected an object \"text_config\" that describes the text decoder");
  }
  if (const JsonNode* const vision = find_field(config, "vision_config")) {
    warnings.push_back({.place = vision->place,
                        .message = "\"vision_config\": only the text decoder is modelled",
                        .hint = {}});
  }
  return *text;
}

/// "llama-3-8b" of "llama-3-8b/config.json" or "llama-3-8b.json".
std::string name_after(const std::string& file, const Family& family) {
  const std::filesystem::path path(file);
  std::string stem = path.stem().string();
  const std::string folder = path.parent_path().filename().string();
  if (stem != "config") {
    return stem;
  }
  return folder.empty() || folder == "." || folder == ".."
             ? family.architecture.substr(0, family.architecture.find("For"))
             : folder;
}

}  // namespace

std::vector<std::string> known_huggingface_architectures() {
  std::vector<std::string> names;
  names.reserve(families().size());
  for (const Family& family : families()) {
    names.push_back(family.architecture);
  }
  return names;
}

TomlNode translate_huggingface_config(const JsonNode& config,
                                      const std::string& file,
                                      std::vector<Diagnostic>& warnings) {
  if (!std::holds_alternative<JsonMembers>(config.value)) {
    throw InputError(config.place, fmt::format("expected an object, found {}", describe(config)));
  }
  const Family& family = family_of(config, file);
  const JsonNode& whole = family.architecture == "Llama4ForConditionalGeneration"
                              ? text_config_of(config, file, warnings)
                              : config;
  const JsonNode object = without_noted(whole);
  ConfigFields fields(object, fmt::format("a {}", family.architecture));
  family.read(fields);
  read_common(fields);
  note_parts(whole, fields);
  fields.finish();
  if (!fields.mistakes().empty()) {
    throw InputError(fields.mistakes());
  }
  warnings.insert(warnings.end(), fields.warnings().begin(), fields.warnings().end());
  fields.write("name", name_after(file, family), "architectures");
  return fields.take_table();
}

}  // namespace towtank
