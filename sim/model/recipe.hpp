// Choices about how a model is computed that change its operations but not its results' meaning.
#pragma once

#include "sim/model/op.hpp"

namespace towtank {

/// What is computed again in the backward pass instead of being kept.
struct Recompute {
  bool norms = false;           // RMSNorm
  bool up_projections = false;  // MLA query and key/value up-projections
  bool swiglu = false;          // SwiGLU of the experts and of the dense MLP
};

struct Recipe {
  Precision gemm =
      Precision::kFp8Block;  // of the linear layers; embedding, head and router stay high
  Recompute recompute;
};

}  // namespace towtank
