#include "sim/model/architecture.hpp"

#include <algorithm>

namespace towtank {

bool has_experts(const Architecture& model, std::int64_t layer) {
  const std::int64_t among = layer - model.dense_layers;
  return model.moe.experts > 0 && among >= 0 && (among + 1) % model.moe.every == 0;
}

std::int64_t layers_with_experts(const Architecture& model) {
  const std::int64_t among = std::max<std::int64_t>(0, model.layers - model.dense_layers);
  return model.moe.experts > 0 ? among / model.moe.every : 0;
}

std::int64_t window_of_layer(const Architecture& model, std::int64_t layer) {
  const auto* grouped = std::get_if<GroupedAttention>(&model.attention);
  if (grouped == nullptr) {
    return 0;
  }
  const bool full = grouped->full_every > 0 && (layer + 1) % grouped->full_every == 0;
  return full ? 0 : grouped->window;
}

std::int64_t attention_heads(const Attention& attention) {
  return std::visit([](const auto& kind) { return kind.heads; }, attention);
}

std::int64_t key_value_width(const Attention& attention) {
  if (const auto* latent = std::get_if<LatentAttention>(&attention)) {
    return latent->key_value_rank + latent->rope_head_dim;
  }
  const auto& grouped = std::get<GroupedAttention>(attention);
  return 2 * grouped.kv_heads * grouped.head_dim;
}

}  // namespace towtank
