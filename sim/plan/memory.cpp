#include "sim/plan/memory.hpp"

#include <algorithm>
#include <cstddef>
#include <variant>

#include "sim/plan/mesh.hpp"
#include "sim/plan/parameter_shards.hpp"

namespace towtank {
namespace {

constexpr Bytes kBf16{2.0};
constexpr Bytes kFp32{4.0};
constexpr Bytes kFp8{1.0 + 4.0 / 128.0};  // with one FP32 scale per 128 elements
constexpr Bytes kE5M6{1.5};               // 12 bits

/// CUDA context, libraries and communication buffers of a rank. Judged: practitioners report 0.5 to
/// 2 GiB for a context (stas00/ml-engineering) and 0.34 to 0.39 GiB for NCCL
/// (ai-dynamo/aiconfigurator).
constexpr Bytes kContext = 2.0 * GiB;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

Bytes of(std::int64_t elements, Bytes element) {
  return static_cast<double>(elements) * element;
}

/// Element of an activation kept as the input of a linear layer.
Bytes linear_input(const Recipe& recipe) {
  return recipe.gemm == Precision::kFp8Block ? kFp8 : kBf16;
}

Bytes kept_by(const LatentAttention& mla, std::int64_t hidden, const Recipe& recipe) {
  const std::int64_t latents = mla.query_rank + mla.key_value_rank + mla.rope_head_dim;
  const std::int64_t queries = mla.heads * (mla.nope_head_dim + mla.rope_head_dim);
  const std::int64_t values = mla.heads * mla.value_head_dim;
  const bool fp8 = recipe.gemm == Precision::kFp8Block;
  Bytes kept = of(hidden + latents, kBf16) + of(values, fp8 ? kE5M6 : kBf16);
  kept += of(mla.heads, kFp32);  // log-sum-exp of the scores
  if (!recipe.recompute.norms) {
    kept += of(hidden + mla.query_rank + mla.key_value_rank, linear_input(recipe));
  }
  if (!recipe.recompute.up_projections) {
    kept += of(2 * queries + values, kBf16);
  } else if (mla.query_rank == 0) {
    kept += of(queries, kBf16);  // no latent to make them from
  }
  return kept;
}

Bytes kept_by(const GroupedAttention& grouped, std::int64_t hidden, const Recipe& recipe) {
  const std::int64_t queries = grouped.heads * grouped.head_dim;
  const std::int64_t keys = grouped.kv_heads * grouped.head_dim;
  Bytes kept = of(hidden, kBf16) + of(queries + 2 * keys, kBf16) + of(queries, kBf16);
  kept += of(grouped.heads, kFp32);  // log-sum-exp of the scores
  if (!recipe.recompute.norms) {
    kept += of(hidden, linear_input(recipe));
    kept += of(grouped.qk_norm ? queries + keys : 0, kBf16);
  }
  return kept;
}

Bytes kept_by_attention(const Architecture& model, const Recipe& recipe) {
  return std::visit([&](const auto& kind) { return kept_by(kind, model.hidden, recipe); },
                    model.attention);
}

/// An MLP of `inner` columns on one row: its input, its activation's input, and the activation's
/// output if kept.
Bytes kept_by_mlp(std::int64_t input,
                  std::int64_t inner,
                  const Architecture& model,
                  const Recipe& recipe) {
  const std::int64_t result = recipe.recompute.swiglu ? 0 : inner;
  return of(input + (model.gated_mlp ? 2 : 1) * inner + result, linear_input(recipe));
}

Bytes kept_by_dense_mlp(const Architecture& model, const Recipe& recipe) {
  const std::int64_t input = recipe.recompute.norms ? 0 : model.hidden;
  return of(model.hidden, kBf16) +  // the residual, before the norm
         kept_by_mlp(input, model.dense_intermediate, model, recipe);
}

Bytes kept_by_experts(const Architecture& model, const Recipe& recipe) {
  const ExpertLayer& moe = model.moe;
  return of(model.hidden, kBf16) +  // the residual, before the norm
         of(moe.experts, kFp32) +   // the router's scores
         static_cast<double>(moe.top_k) *
             kept_by_mlp(model.hidden, moe.intermediate, model, recipe) +
         kept_by_mlp(
             recipe.recompute.norms ? 0 : model.hidden, moe.width_of_shared(), model, recipe);
}

/// Chunks of each stage that a rank holds, followed slot by slot.
Bytes peak_activations(const Program& program, const std::vector<Bytes>& chunk_of_stage) {
  Bytes held;
  Bytes peak;
  const auto begin = [&](const Chunk& chunk) {
    if (chunk.pass == Pass::kForward) {
      held += chunk_of_stage[at(chunk.stage)];
    }
  };
  const auto end = [&](const Chunk& chunk) {
    if (chunk.pass == Pass::kBackward || chunk.pass == Pass::kWeight) {
      held -= chunk_of_stage[at(chunk.stage)];
    }
  };
  for (const Slot& slot : program) {
    begin(slot.chunk);
    peak = std::max(peak, held);
    end(slot.chunk);
    if (slot.overlapped) {
      end(*slot.overlapped);
    }
  }
  return peak;
}

/// Queries, keys and values of a token as attention reads them.
std::int64_t projected_width(const Attention& attention) {
  if (const auto* mla = std::get_if<LatentAttention>(&attention)) {
    return 3 * mla->heads * (mla->nope_head_dim + mla->rope_head_dim);
  }
  const auto& grouped = std::get<GroupedAttention>(attention);
  return (grouped.heads + 2 * grouped.kv_heads) * grouped.head_dim;
}

/// Buffers of the chunks at work: the widest layer's operands and results, once for the forward and
/// once for the backward chunk, and the sequence's gathered keys and values.
Bytes working_set(const Architecture& model, const TrainingPlan& plan) {
  const TokenShard shard = plan.token_shard(model.moe.experts, model.moe.top_k);
  const std::int64_t inner =
      model.gated_mlp ? 3 : 2;  // columns of an MLP's operands, in its widths
  const bool any_dense = layers_with_experts(model) < model.layers;
  const Bytes rows = of(shard.expert_rows, kBf16) *
                     static_cast<double>(model.hidden + inner * model.moe.intermediate);
  const Bytes dense = of(any_dense ? shard.tokens : 0, kBf16) *
                      static_cast<double>(model.hidden + inner * model.dense_intermediate);
  const Bytes heads =
      of(shard.tokens, kBf16) * static_cast<double>(projected_width(model.attention));
  const Bytes gathered = plan.context > 1
                             ? of(plan.micro_batch * plan.sequence, kBf16) *
                                   static_cast<double>(key_value_width(model.attention))
                             : Bytes{};
  return kContext + gathered + 2.0 * std::max({rows, dense, heads});
}

/// BF16 logits, their FP32 copy and its gradient, of one micro-batch.
Bytes logits(const Architecture& model, const TrainingPlan& plan, const Stage& stage) {
  const bool has_head = std::ranges::count(stage.units, UnitKind::kHead, &Unit::kind) > 0;
  return has_head ? of(plan.tokens_per_rank() * model.vocabulary, kBf16 + 2.0 * kFp32) : Bytes{};
}

/// Weights in FP8 where linear layers are, else in BF16.
Bytes weights(const StageParameters& parameters, const Recipe& recipe) {
  const double all = parameters.dense + parameters.experts;
  const double fp8 = recipe.gemm == Precision::kFp8Block ? all - parameters.high_precision : 0.0;
  return fp8 * Bytes(1.0) + (all - fp8) * kBf16;
}

}  // namespace

Bytes kept_per_token(UnitKind unit, const Architecture& model, const Recipe& recipe) {
  switch (unit) {
    case UnitKind::kEmbedding:
      return of(1, kFp32);  // the token's number
    case UnitKind::kHead:
      return of(model.hidden, kBf16);
    case UnitKind::kDenseLayer:
      return kept_by_attention(model, recipe) + kept_by_dense_mlp(model, recipe);
    case UnitKind::kMoeLayer:
      return kept_by_attention(model, recipe) + kept_by_experts(model, recipe);
    case UnitKind::kMtpLayer:
      return of(2 * model.hidden, kBf16) + kept_by_attention(model, recipe) +
             (has_experts(unit, model) ? kept_by_experts(model, recipe)
                                       : kept_by_dense_mlp(model, recipe));
  }
  return {};
}

std::vector<MemoryUse> peak_memory(const Architecture& model,
                                   const TrainingPlan& plan,
                                   const Schedule& schedule,
                                   const std::vector<Stage>& stages) {
  const double tokens = static_cast<double>(plan.tokens_per_rank());
  std::vector<Bytes> chunk_of_stage;
  for (const Stage& stage : stages) {
    Bytes kept;
    for (const Unit& unit : stage.units) {
      kept += tokens * kept_per_token(unit.kind, model, plan.recipe);
    }
    chunk_of_stage.push_back(kept);
  }
  std::vector<MemoryUse> result;
  for (int pipeline = 0; pipeline < schedule.ranks(); ++pipeline) {
    MemoryUse use;
    use.activations = peak_activations(schedule.programs[at(pipeline)], chunk_of_stage);
    use.working = working_set(model, plan);
    for (int index = 0; index < schedule.stages; ++index) {
      const std::vector<int> hosts = hosts_of_stage(schedule, index);
      if (std::ranges::count(hosts, pipeline) == 0) {
        continue;
      }
      const Stage& stage = stages[at(index)];
      const StageParameters parameters = stage_parameters(model, plan, stage);
      const double copies =
          plan.zero_stage > 0 ? static_cast<double>(hosts.size()) * plan.data : 1.0;
      const double expert_copies = plan.zero_stage > 0 ? copies / plan.expert : 1.0;
      const Bytes states = kFp32 + 2.0 * kBf16;
      use.weights += weights(parameters, plan.recipe);
      use.gradients += (parameters.dense + parameters.experts) * kFp32;
      use.optimizer += (parameters.dense / copies + parameters.experts / expert_copies) * states;
      use.logits = std::max(use.logits, logits(model, plan, stage));
    }
    result.push_back(use);
  }
  return result;
}

}  // namespace towtank
