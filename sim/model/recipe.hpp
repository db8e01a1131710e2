// Choices about how a model is computed that change its operations but not its results' meaning.
#pragma once

#include <variant>

#include "sim/model/architecture.hpp"
#include "sim/model/op.hpp"

namespace towtank {

/// What is computed again in the backward pass instead of being kept.
struct Recompute {
  bool norms = false;           // RMSNorm or LayerNorm
  bool up_projections = false;  // latent attention's query and key/value up-projections
  bool swiglu = false;          // SwiGLU, or a plain MLP's activation, of experts and dense MLPs
};

/// Whether a model has what recompute.up_projections computes again.
inline bool has_up_projections(const Attention& attention) {
  return std::holds_alternative<LatentAttention>(attention);
}

struct Recipe {
  Precision gemm =
      Precision::kFp8Block;  // of the linear layers; embedding, head and router stay high
  Recompute recompute;
};

}  // namespace towtank
