// What a plan keeps in the memory of each pipeline rank's GPUs, and when it is most.
#pragma once

#include <vector>

#include "sim/base/units.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/stages.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// Memory of one GPU at the peak of a step, by class.
struct MemoryUse {
  Bytes weights;      // in the precision of the recipe
  Bytes gradients;    // FP32
  Bytes optimizer;    // this rank's shard of FP32 master weights and two BF16 moments
  Bytes activations;  // kept for the backward pass, of all chunks in flight
  Bytes logits;       // of the last stage
  Bytes working;      // CUDA context, communication buffers, expert buffers of the chunks at work

  Bytes total() const { return weights + gradients + optimizer + activations + logits + working; }
};

/// Memory kept per token by one unit of a stage from its forward to its backward pass.
///
/// Every block keeps its residual input; without recomputed norms also their results. Latent
/// attention keeps the compressed query and key/value and the attention output; without recomputed
/// up-projections also the heads' queries, keys and values. Grouped attention keeps queries, keys,
/// values and its output in BF16, and queries and keys before their norms where it has these and
/// keeps norms' results. MLPs keep the rows that arrived and the activation's input; without a
/// recomputed activation also its output. Attention is fused: of the scores only the log-sum-exp
/// stays. No dropout. In BF16 that is Korthikanti's 34 bytes a hidden element (arXiv 2205.05198,
/// section 4.1) without the 2 of dropout masks, and without the scores. Precisions: DeepSeek-V3
/// report, section 3.3.3 (FP8 inputs of linear layers, E5M6 for latent attention's output).
Bytes kept_per_token(UnitKind unit, const Architecture& model, const Recipe& recipe);

/// Peak memory of every pipeline rank, by walking its program. (pipeline ranks)
std::vector<MemoryUse> peak_memory(const Architecture& model,
                                   const TrainingPlan& plan,
                                   const Schedule& schedule,
                                   const std::vector<Stage>& stages);

}  // namespace towtank
