#include "sim/model/attention_ops.hpp"

#include "sim/base/error.hpp"

namespace towtank {

std::vector<Op> attention_ops(const Architecture& model,
                              const TokenShard& shard,
                              const Recipe& recipe,
                              LayerPass pass,
                              std::int64_t window) {
  if (const auto* latent = std::get_if<LatentAttention>(&model.attention)) {
    check(window == 0, "latent attention sees all keys");
    return latent_attention_ops(*latent, model.hidden, shard, recipe, pass);
  }
  const auto& grouped = std::get<GroupedAttention>(model.attention);
  return grouped_attention_ops(grouped, model.hidden, shard, recipe, pass, window);
}

}  // namespace towtank
