// What a plan keeps in the memory of each pipeline rank's GPUs, and when it is most.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/stages.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// Memory of one GPU at the peak of a step, by class.
struct MemoryUse {
  Bytes weights;      // in the precision of the recipe; with ZeRO-3 this rank's shard and what is
                      // gathered of two units at once
  Bytes gradients;    // with ZeRO-2 this rank's shard and one unit's before it is reduced
  Bytes optimizer;    // FP32 master weights and two moments; from ZeRO-1 on this rank's shard
  Bytes activations;  // kept for the backward pass, of all chunks in flight
  Bytes logits;       // of the last stage
  Bytes working;      // buffers of the chunks at work, a recomputed layer's activations among them
  Bytes context;      // CUDA, libraries, communication buffers; outside the framework's allocator
  std::size_t slot = 0;  // of the rank's program: the first in which it is that much
  Chunk chunk = {};      // at work in that slot

  /// What the framework's allocator has handed out ("max allocated").
  Bytes allocated() const {
    return weights + gradients + optimizer + activations + logits + working;
  }
  Bytes total() const { return allocated() + context; }
};

/// Memory that one unit of a stage keeps of one micro-batch on one rank from its forward to its
/// backward pass; of a rank whose experts get the most rows, where routing is uneven.
///
/// Every block keeps its residual input; without recomputed norms also their results. Latent
/// attention keeps the compressed query and key/value and the attention output; without recomputed
/// up-projections also the heads' queries, keys and values. Grouped attention keeps queries, keys,
/// values and its output in BF16, and queries and keys before their norms where it has these and
/// keeps norms' results. MLPs keep the rows that arrived and the activation's input; without a
/// recomputed activation also its output. Attention is fused: of the scores only the log-sum-exp
/// stays. No dropout. In BF16 that is Korthikanti's 34 bytes a hidden element (arXiv 2205.05198,
/// section 4.1) without the 2 of dropout masks, and without the scores. Tensor ranks have a part of
/// heads and inner columns each; with sequence parallelism also of the tokens of everything else
/// (section 4.2.2). Whole layers that are recomputed keep their input alone (section 5).
/// Precisions: DeepSeek-V3 report, section 3.3.3 (FP8 inputs of linear layers and of activations,
/// E5M6 for latent attention's output); recipes with other scales keep activations' inputs in BF16,
/// as Transformer Engine does.
Bytes kept_by_unit(UnitKind unit, const Architecture& model, const TrainingPlan& plan);

/// The same of one token on a rank that shares no layer.
Bytes kept_per_token(UnitKind unit, const Architecture& model, const Recipe& recipe);

/// Peak memory of every pipeline rank, by walking its program. (pipeline ranks)
///
/// A linear layer's weight takes 1 byte in block-scaled FP8, as DeepSeek-V3 trains; with other
/// quantised recipes it stays in BF16 beside its quantised forms for the forward and the backward
/// pass, as Transformer Engine has it.
std::vector<MemoryUse> peak_memory(const Architecture& model,
                                   const TrainingPlan& plan,
                                   const Schedule& schedule,
                                   const std::vector<Stage>& stages);

}  // namespace towtank
