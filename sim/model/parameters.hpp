// How many parameters a model has, where they are, and what a token costs: from the architecture
// alone.
#pragma once

#include <cstdint>

#include "sim/base/units.hpp"
#include "sim/model/architecture.hpp"

namespace towtank {

/// Parameters of each block. Counts are exact and below 2^53, so a double holds them.
struct BlockParameters {
  double attention = 0;       // projections of one layer's attention, biases included
  double norms = 0;           // of one layer
  double dense_mlp = 0;       // one dense layer's MLP
  double router = 0;          // one MoE layer's gate, its bias included
  double expert = 0;          // one routed expert
  double shared_experts = 0;  // all shared experts of one MoE layer
  double embedding = 0;       // of tokens, and of positions where they are learned
  double head = 0;            // 0 where it is the embedding
  double final_norm = 0;
  double mtp_join = 0;  // norms and projection of one MTP module
};

BlockParameters block_parameters(const Architecture& model);

/// All parameters of the model without its MTP modules, as model names count them ("671B").
double total_parameters(const Architecture& model);

/// Parameters a token uses: top_k of the routed experts, everything else; embedding and head
/// included ("37B"; a tied head counts once).
double active_parameters(const Architecture& model);

/// Parameters of the MTP modules that they do not share with the model.
double mtp_parameters(const Architecture& model);

/// Which half of the score matrix is counted. kCausal: what a query sees, within its window where
/// the layer has one; kFull: the whole matrix, whatever the window.
enum class AttentionCount { kCausal, kFull };

/// Training work of one token at sequence length `context`: forward, input gradient and weight
/// gradient of every linear layer and of attention; nothing for recomputation.
///
/// MTP modules are left out, although a step computes them: they are an auxiliary objective, and
/// published figures count the main model alone. DeepSeek-V3 at 4,096 tokens comes to 250.4 GFLOP
/// causal and 281.2 full; its authors print 250 (arXiv 2505.09343, Table 2). With the MTP module
/// and its head it would be 260.6 causal.
Flops training_flops_per_token(const Architecture& model,
                               std::int64_t context,
                               AttentionCount count);

/// Key/value cache of one token in all layers, at `element` bytes a number (2 for BF16). Layers
/// with a window count in full, as they do until a sequence is longer than the window.
Bytes kv_cache_per_token(const Architecture& model, Bytes element);

}  // namespace towtank
