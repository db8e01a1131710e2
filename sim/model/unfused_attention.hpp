// The core of attention as it ran before there were fused kernels: two batched GEMMs with a softmax
// between them, and the score matrix of every head in memory.
#pragma once

#include <vector>

#include "sim/model/op.hpp"

namespace towtank {

/// What Megatron-LM runs for the fused attention `fused`, forward or backward, with or without a
/// dropout of the probabilities. Every head of queries multiplies keys and values of its own (those
/// that it shares with other heads are repeated for it), and every query all keys of its sequence,
/// whatever the mask or the window hides.
///
/// Forward comes to twice the FLOP of causal attention. The backward pass reads the probabilities
/// that were kept; when they were not, the forward operations belong before it. Checks that `fused`
/// is kAttentionForward or kAttentionBackward.
std::vector<Op> unfused_attention_ops(const Op& fused, bool dropout);

}  // namespace towtank
