// How a training job is cut up: the parallel degrees, the schedule and the recipes.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/collective/collective_plan.hpp"
#include "sim/model/layer_ops.hpp"
#include "sim/model/recipe.hpp"
#include "sim/plan/expert_plan.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/software_stack.hpp"

namespace towtank {

/// Which communication runs beside computation that does not need it.
struct Overlap {
  /// All-gathers and reduce-scatters of tensor parallelism, cut into pieces that run beside the
  /// GEMM next to them (Megatron's --tp-comm-overlap). Without it they still run beside the weight
  /// gradients.
  bool tensor = false;
  bool gradients = false;   // reduced layer by layer, beside the last backward pass
  bool parameters = false;  // gathered layer by layer, beside the first forward pass
  bool experts = true;      // dispatch and combine beside the weight gradients of their own chunk
};

/// How ranks that share a sequence get at each other's keys and values.
enum class ContextExchange {
  kAllGather,  // all of them before attention (arXiv 2407.21783, section 3.3.2)
  kRing,       // a part at a time, passed on beside the attention to the part before it (arXiv
               // 2310.01889)
};

struct TrainingPlan {
  // The rank grid: `pipeline` x `data` x `tensor`. Expert parallelism cuts the data x tensor ranks
  // of a pipeline stage once more: into groups of expert x expert_tensor.
  int pipeline = 1;
  int data = 1;           // data-parallel ranks of one pipeline stage, context ranks included
  int tensor = 1;         // ranks that share every linear layer
  int expert = 1;         // expert-parallel ranks; divides data * tensor / expert_tensor
  int expert_tensor = 1;  // ranks that share every routed expert
  int context = 1;        // ranks that share one sequence; divides `data`
  ContextExchange context_exchange = ContextExchange::kAllGather;
  /// Data ranks that share parameters and states where these are sharded, in whole groups (HSDP);
  /// 0: all of them. Divides `data`.
  int shard = 0;
  bool sequence_parallel = true;  // tensor ranks share the tokens between linear layers as well
  ScheduleKind schedule = ScheduleKind::k1F1B;
  int interleave = 1;             // stages a rank for interleaved 1F1B
  std::vector<int> stage_layers;  // layers of each stage; empty: balanced by FLOP
  int micro_batch = 1;            // sequences a micro-batch
  std::int64_t sequence = 0;      // tokens of a sequence
  std::int64_t batch = 0;         // sequences of a global batch
  /// What is sharded over the data ranks: 0 nothing, 1 optimizer states, 2 gradients as well, 3
  /// parameters as well (FSDP), which are gathered before every use (arXiv 1910.02054).
  int zero_stage = 1;
  Recipe recipe;
  Overlap overlap = {};
  SoftwareStack stack = {};
  /// Whether a rank waits for its pipeline sends before its next chunk, as deepseek-ai/DualPipe
  /// does (each chunk ends with a batch of sends and receives that is waited for), or sends each
  /// result as soon as it exists and goes on.
  bool blocking_pipeline = false;
  int communication_sms = 0;        // SMs taken by communication kernels while they share the GPU
  CollectivePlan collectives = {};  // of gradients and parameters
  ExpertPlan expert_plan = {};      // how tokens fall on experts, and where these are
  /// Whether a token goes to a node once and is copied to its experts' ranks there, and their
  /// results come back summed (DeepEP), or every copy goes to its rank by itself (NCCL's
  /// all-to-all).
  bool forwards_in_node = true;

  /// Ranks of one pipeline stage.
  int positions() const { return data * tensor; }
  int ranks() const { return pipeline * positions(); }

  /// Micro-batches each pipeline works through in a step, of all its directions together. Exact for
  /// a checked plan.
  int micro_batches() const {
    return static_cast<int>(batch * context / (static_cast<std::int64_t>(data) * micro_batch));
  }

  /// Rows of a grouped GEMM start at multiples of this in FP8: one tile of the kernel (DeepGEMM's
  /// contiguous layout, and the row counts of the public training trace).
  static constexpr std::int64_t kExpertRowTile = 128;

  /// Tokens of a micro-batch that the ranks which share a sequence and the layers' columns work on,
  /// each for itself or with its tensor ranks.
  std::int64_t tokens_per_rank() const { return micro_batch * sequence / context; }

  /// Of them, those that one rank keeps between linear layers and sends to experts.
  std::int64_t own_tokens() const {
    return sequence_parallel ? tokens_per_rank() / tensor : tokens_per_rank();
  }

  /// Routed experts that one rank holds, of `experts` and the redundant ones; in part, where
  /// expert_tensor ranks share them.
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
            .expert_rows = own_tokens() * expert_tensor * top_k + padding,
            .tensor = tensor,
            .expert_tensor = expert_tensor,
            .sequence_parallel = sequence_parallel};
  }
};

}  // namespace towtank
