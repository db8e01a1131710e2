// Attention of each kind, with its norm and the residual addition. (tokens, hidden) -> (tokens,
// hidden). `whole` has the heads of all tensor ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/model/layer_ops.hpp"

namespace towtank {

std::vector<Op> latent_attention_ops(const LatentAttention& whole,
                                     std::int64_t hidden,
                                     const TokenShard& shard,
                                     const Recipe& recipe,
                                     LayerPass pass);

/// `window`: keys that a query of this layer sees at most; 0: all.
std::vector<Op> grouped_attention_ops(const GroupedAttention& whole,
                                      std::int64_t hidden,
                                      const TokenShard& shard,
                                      const Recipe& recipe,
                                      LayerPass pass,
                                      std::int64_t window);

}  // namespace towtank
