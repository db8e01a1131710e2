// What the families of Hugging Face's models have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/huggingface_fields.hpp"

namespace towtank {

enum class KvHeads { kRequired, kAsHeads };
enum class HeadDim { kRequired, kHiddenOverHeads };

/// Sizes under the names that most configs use.
std::int64_t read_decoder(ConfigFields& config, bool tied_by_default);

/// An activation that is one sweep over its input, whichever it is.
void read_activation(ConfigFields& config, std::string_view field, const char* mlp);

void read_grouped_attention(ConfigFields& config, KvHeads kv_heads, HeadDim head_dim);

/// One flag for the biases of all four projections.
void read_attention_bias(ConfigFields& config, bool by_default);

/// Which layers have a window, as "every so-manieth layer sees everything".
void write_windows(ConfigFields& config,
                   const std::vector<bool>& windowed,
                   std::int64_t window,
                   std::string_view field);

/// "layer_types", as far as it is there: a word a layer. Returns whether it was.
bool read_layer_types(ConfigFields& config, std::int64_t layers);

/// A window in all layers, unless it is null; `by_default` where it is absent.
void read_window_of_all(ConfigFields& config, std::optional<std::int64_t> by_default);

/// Qwen's: a switch, and full attention in the layers below "max_window_layers".
void read_qwen_windows(ConfigFields& config, std::int64_t layers);

/// Which layers have experts, as "after the first dense ones, every so-manieth". False when none
/// has, or not in that way, which is recorded.
bool write_expert_layers(ConfigFields& config,
                         const std::vector<bool>& with_experts,
                         std::string_view field);

/// Layers i with (i + 1) % step == 0, but for those that are listed as dense; and the width of the
/// dense ones' MLP if there are any.
bool read_sparse_layers(ConfigFields& config, std::int64_t layers);

void write_softmax_router(ConfigFields& config, const char* experts);

/// Layer norms, biases on every projection, a plain MLP of four times the width.
void write_gpt(ConfigFields& config, std::string_view hidden, std::optional<std::int64_t> inner);

void refuse_flag(ConfigFields& config, std::string_view field, const std::string& why);

}  // namespace towtank
