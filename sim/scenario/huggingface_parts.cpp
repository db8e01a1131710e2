#include "sim/scenario/huggingface_parts.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace towtank {

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

void read_attention_bias(ConfigFields& config, bool by_default) {
  const bool bias = config.flag("attention_bias").value_or(by_default);
  config.write("attention.qkv_bias", bias, "attention_bias");
  config.write("attention.output_bias", bias, "attention_bias");
}

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

void read_window_of_all(ConfigFields& config, std::optional<std::int64_t> by_default) {
  std::optional<std::int64_t> window = config.integer("sliding_window");
  if (!config.has("sliding_window")) {
    window = by_default;
  }
  if (window) {
    config.write("attention.window", *window, "sliding_window");
  }
}

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

}  // namespace towtank
