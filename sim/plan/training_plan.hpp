// How a training job is cut up: the parallel degrees, the schedule and the recipes.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/collective/collective_plan.hpp"
#include "sim/model/layer_ops.hpp"
#include "sim/model/recipe.hpp"
#include "sim/plan/expert_plan.hpp"
#include "sim/plan/schedule.hpp"

namespace towtank {

struct TrainingPlan {
  // The rank grid: pipeline x data ranks; each pipeline stage's data ranks split into
  // expert-parallel groups of `expert`, and each sequence over `context` data ranks.
  int pipeline = 1;
  int data = 1;     // data-parallel ranks of one pipeline stage, context ranks included
  int expert = 1;   // expert-parallel ranks; divides `data`
  int context = 1;  // ranks that share one sequence; divides `data`
  ScheduleKind schedule = ScheduleKind::k1F1B;
  int interleave = 1;             // stages a rank for interleaved 1F1B
  std::vector<int> stage_layers;  // layers of each stage; empty: balanced by FLOP
  int micro_batch = 1;            // sequences a micro-batch
  std::int64_t sequence = 0;      // tokens of a sequence
  std::int64_t batch = 0;         // sequences of a global batch
  int zero_stage = 1;             // 0 or 1: optimizer states whole, or sharded over the data ranks
  Recipe recipe;
  /// Whether a rank waits for its pipeline sends before its next chunk, as deepseek-ai/DualPipe
  /// does (each chunk ends with a batch of sends and receives that is waited for), or sends each
  /// result as soon as it exists and goes on.
  bool blocking_pipeline = false;
  int communication_sms = 0;        // SMs taken by communication kernels while they share the GPU
  CollectivePlan collectives = {};  // of gradients and parameters
  ExpertPlan expert_plan = {};      // how tokens fall on experts, and where these are

  int ranks() const { return pipeline * data; }

  /// Micro-batches each pipeline works through in a step, of all its directions together. Exact for
  /// a checked plan.
  int micro_batches() const {
    return static_cast<int>(batch * context / (static_cast<std::int64_t>(data) * micro_batch));
  }

  /// Rows of a grouped GEMM start at multiples of this in FP8: one tile of the kernel (DeepGEMM's
  /// contiguous layout, and the row counts of the public training trace).
  static constexpr std::int64_t kExpertRowTile = 128;

  /// Tokens of a micro-batch on one rank.
  std::int64_t tokens_per_rank() const { return micro_batch * sequence / context; }

  /// Routed experts that one rank holds, of `experts` and the redundant ones.
  std::int64_t local_experts(std::int64_t experts) const {
    return (experts + expert_plan.redundant) / expert;
  }

  /// What one rank's experts work on in one micro-batch, with balanced routing to `experts` experts
  /// of which a token visits `top_k`. In FP8 every expert's rows are padded, by half a tile on
  /// average.
  TokenShard token_shard(std::int64_t experts, std::int64_t top_k) const {
    const std::int64_t local = local_experts(experts);
    const std::int64_t padding =
        recipe.gemm == Precision::kFp8Block ? local * kExpertRowTile / 2 : 0;
    return {.tokens = tokens_per_rank(),
            .sequences = micro_batch,
            .context = sequence,
            .local_experts = local,
            .expert_rows = tokens_per_rank() * top_k + padding};
  }
};

}  // namespace towtank
