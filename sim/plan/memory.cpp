#include "sim/plan/memory.hpp"

#include <algorithm>
#include <cstddef>
#include <variant>

#include "sim/model/op_shape.hpp"
#include "sim/plan/expert_group.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/parameter_shards.hpp"

namespace towtank {
namespace {

constexpr Bytes kBf16{2.0};
constexpr Bytes kFp32{4.0};
constexpr Bytes kMask{1.0};
constexpr Bytes kE5M6{1.5};  // 12 bits

/// CUDA context, libraries and communication buffers of a rank. Judged: practitioners report 0.5 to
/// 2 GiB for a context (stas00/ml-engineering) and 0.34 to 0.39 GiB for NCCL
/// (ai-dynamo/aiconfigurator).
constexpr Bytes kContext = 2.0 * GiB;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

Bytes of(double elements, Bytes element) {
  return elements * element;
}

Bytes of(std::int64_t elements, Bytes element) {
  return static_cast<double>(elements) * element;
}

bool is_fp8_block(const Recipe& recipe) {
  return recipe.gemm == Precision::kFp8Block;
}

/// Element of an activation kept as the input of a linear layer.
Bytes linear_input(const Recipe& recipe) {
  return Bytes(stored_bytes(recipe.gemm));
}

/// Element of what an MLP's activation reads.
Bytes activation_input(const Recipe& recipe) {
  return is_fp8_block(recipe) ? linear_input(recipe) : kBf16;
}

/// How many times its balanced share the rank gets whose experts get most. Of a group inside one
/// node where the plan cares for nodes: a bound does not know them.
double imbalance(const ExpertLayer& moe, const TrainingPlan& plan) {
  const GroupShape shape{.local = plan.expert, .nodes = 1};
  if (moe.experts == 0 || is_balanced_routing(plan.expert_plan) ||
      expert_problem(moe, shape, plan.expert_plan)) {
    return 1.0;
  }
  const std::vector<double> copies = place_experts(moe, shape, plan.expert_plan).rank_copies;
  return *std::ranges::max_element(copies) * plan.expert / static_cast<double>(moe.top_k);
}

/// One rank's part of one micro-batch.
struct RankLoad {
  Architecture rank;  // the model as it has it
  Recipe recipe;
  double all = 0.0;   // tokens whose heads and inner columns it works on
  double own = 0.0;   // tokens it keeps between linear layers
  double rows = 0.0;  // copies of tokens that its experts work on
  double keys = 0.0;  // of a sequence
};

/// Probabilities that attention keeps where it is not fused: its softmax's output, and with dropout
/// a mask and what is left of them (the 5 a s^2 b of arXiv 2205.05198, equation 1).
Bytes kept_scores(const RankLoad& load, std::int64_t heads) {
  if (load.recipe.fused_attention) {
    return {};
  }
  const Bytes each = load.recipe.dropout ? 2.0 * kBf16 + kMask : kBf16;
  return load.all * static_cast<double>(heads) * load.keys * each;
}

/// The mask of what is dropped out of a residual branch.
Bytes kept_mask(const RankLoad& load) {
  return load.recipe.dropout ? load.own * static_cast<double>(load.rank.hidden) * kMask : Bytes{};
}

RankLoad rank_load(const Architecture& model, const TrainingPlan& plan) {
  const auto own = static_cast<double>(plan.own_tokens());
  return {.rank = model_of_rank(model, plan),
          .recipe = plan.recipe,
          .all = static_cast<double>(plan.tokens_per_rank()),
          .own = own,
          .rows = own * plan.expert_tensor * static_cast<double>(model.moe.top_k) *
                  imbalance(model.moe, plan),
          .keys = static_cast<double>(plan.sequence)};
}

Bytes kept_by(const LatentAttention& mla, const RankLoad& load) {
  const Recompute& recompute = load.recipe.recompute;
  const std::int64_t hidden = load.rank.hidden;
  const std::int64_t latents = mla.query_rank + mla.key_value_rank + mla.rope_head_dim;
  const std::int64_t queries = mla.heads * (mla.nope_head_dim + mla.rope_head_dim);
  const std::int64_t values = mla.heads * mla.value_head_dim;
  Bytes of_own = of(hidden + latents, kBf16);
  if (!recompute.norms) {
    of_own += of(hidden + mla.query_rank + mla.key_value_rank, linear_input(load.recipe));
  }
  Bytes of_all;
  if (!recompute.core_attention) {
    of_all += of(values, is_fp8_block(load.recipe) ? kE5M6 : kBf16);
    of_all += of(mla.heads, kFp32);  // log-sum-exp of the scores
  }
  if (!recompute.up_projections) {
    of_all += of(2 * queries + values, kBf16);
  } else if (mla.query_rank == 0) {
    of_all += of(queries, kBf16);  // no latent to make them from
  }
  const Bytes scores = recompute.core_attention ? Bytes{} : kept_scores(load, mla.heads);
  return load.own * of_own + load.all * of_all + scores + kept_mask(load);
}

Bytes kept_by(const GroupedAttention& grouped, const RankLoad& load) {
  const Recompute& recompute = load.recipe.recompute;
  const std::int64_t hidden = load.rank.hidden;
  const std::int64_t queries = grouped.heads * grouped.head_dim;
  const std::int64_t keys = grouped.kv_heads * grouped.head_dim;
  Bytes of_own = of(hidden, kBf16);
  Bytes of_all = of(queries + 2 * keys, kBf16);
  if (!recompute.core_attention) {
    of_all += of(queries, kBf16);
    of_all += of(grouped.heads, kFp32);  // log-sum-exp of the scores
  }
  if (!recompute.norms) {
    of_own += of(hidden, linear_input(load.recipe));
    of_all += of(grouped.qk_norm ? queries + keys : 0, kBf16);
  }
  const Bytes scores = recompute.core_attention ? Bytes{} : kept_scores(load, grouped.heads);
  return load.own * of_own + load.all * of_all + scores + kept_mask(load);
}

Bytes kept_by_attention(const RankLoad& load) {
  return std::visit([&](const auto& kind) { return kept_by(kind, load); }, load.rank.attention);
}

/// The inner columns of an MLP on one row: its activation's input, and the activation's output if
/// kept.
Bytes kept_inside_mlp(std::int64_t inner, const RankLoad& load) {
  const Recipe& recipe = load.recipe;
  const std::int64_t result = recipe.recompute.swiglu ? 0 : inner;
  return of((load.rank.gated_mlp ? 2 : 1) * inner, activation_input(recipe)) +
         of(result, linear_input(recipe));
}

/// The norm's result on one row, where it is kept.
Bytes kept_norm(const RankLoad& load) {
  return load.recipe.recompute.norms ? Bytes{} : of(load.rank.hidden, linear_input(load.recipe));
}

Bytes kept_residual(const RankLoad& load) {
  return load.own * of(load.rank.hidden, kBf16);
}

Bytes kept_by_dense_mlp(const RankLoad& load) {
  if (load.recipe.recompute.mlp) {
    return kept_residual(load);
  }
  return kept_residual(load) + load.own * kept_norm(load) +
         load.all * kept_inside_mlp(load.rank.dense_intermediate, load) + kept_mask(load);
}

Bytes kept_by_shared_experts(const RankLoad& load) {
  const std::int64_t inner = load.rank.moe.width_of_shared();
  if (load.recipe.recompute.shared_experts || inner == 0) {
    return {};
  }
  return load.all * kept_inside_mlp(inner, load);
}

Bytes kept_by_experts(const RankLoad& load) {
  if (load.recipe.recompute.mlp) {
    return kept_residual(load);
  }
  const ExpertLayer& moe = load.rank.moe;
  const Bytes row =
      of(load.rank.hidden, linear_input(load.recipe)) + kept_inside_mlp(moe.intermediate, load);
  return kept_residual(load) + load.own * kept_norm(load) +
         load.own * of(moe.experts, kFp32) +  // the router's scores
         load.rows * row + kept_by_shared_experts(load);
}

Bytes kept_by_layer(UnitKind unit, const RankLoad& load) {
  if (load.recipe.recompute.layers) {
    return kept_residual(load);
  }
  return kept_by_attention(load) +
         (has_experts(unit, load.rank) ? kept_by_experts(load) : kept_by_dense_mlp(load));
}

Bytes kept(UnitKind unit, const RankLoad& load) {
  switch (unit) {
    case UnitKind::kEmbedding:
      return of(load.all, kFp32);  // the tokens' numbers
    case UnitKind::kHead:
      return kept_residual(load);
    case UnitKind::kDenseLayer:
    case UnitKind::kMoeLayer:
      return kept_by_layer(unit, load);
    case UnitKind::kMtpLayer:
      return 2.0 * kept_residual(load) + kept_by_layer(unit, load);
  }
  return {};
}

/// Activations of one unit that are made again at once before its backward pass.
Bytes made_again(UnitKind unit, const RankLoad& load) {
  RankLoad whole = load;
  Recompute& recompute = whole.recipe.recompute;
  recompute.layers = recompute.mlp = recompute.shared_experts = recompute.core_attention = false;
  return kept(unit, whole) - kept(unit, load);
}

struct Peak {
  Bytes held;
  std::size_t slot = 0;
};

/// Chunks of each stage that a rank holds, followed slot by slot.
Peak peak_activations(const Program& program, const std::vector<Bytes>& chunk_of_stage) {
  Bytes held;
  Peak peak;
  const auto end = [&](const Chunk& chunk) {
    if (chunk.pass == Pass::kBackward || chunk.pass == Pass::kWeight) {
      held -= chunk_of_stage[at(chunk.stage)];
    }
  };
  for (std::size_t slot = 0; slot < program.size(); ++slot) {
    const Chunk& chunk = program[slot].chunk;
    if (chunk.pass == Pass::kForward) {
      held += chunk_of_stage[at(chunk.stage)];
    }
    if (held > peak.held) {
      peak = {.held = held, .slot = slot};
    }
    end(chunk);
    if (program[slot].overlapped) {
      end(*program[slot].overlapped);
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
Bytes working_set(const RankLoad& load, const TrainingPlan& plan) {
  const Architecture& rank = load.rank;
  const std::int64_t inner = rank.gated_mlp ? 3 : 2;  // columns of an MLP's operands, in its widths
  const bool any_dense = layers_with_experts(rank) < rank.layers;
  const Bytes rows = load.rows * of(rank.hidden + inner * rank.moe.intermediate, kBf16);
  const Bytes dense =
      (any_dense ? load.all : 0.0) * of(rank.hidden + inner * rank.dense_intermediate, kBf16);
  const Bytes heads = load.all * of(projected_width(rank.attention), kBf16);
  const Bytes gathered = plan.context > 1 ? of(plan.micro_batch * plan.sequence, kBf16) *
                                                static_cast<double>(key_value_width(rank.attention))
                                          : Bytes{};
  return gathered + 2.0 * std::max({rows, dense, heads});
}

/// What one element of the logits takes at most: itself in BF16, and by the way to its gradient.
Bytes logit(Loss loss) {
  switch (loss) {
    case Loss::kWhole:
      return kBf16 + 2.0 * kFp32;  // cast, and the logarithm of softmax or the gradient
    case Loss::kParallel:
      return kBf16 + kFp32;  // cast; softmax and the gradient take its place
    case Loss::kFused:
      break;  // the gradient takes its place
  }
  return kBf16;
}

/// Of one micro-batch.
Bytes logits(const RankLoad& load, const Stage& stage) {
  const bool has_head = std::ranges::count(stage.units, UnitKind::kHead, &Unit::kind) > 0;
  return has_head ? load.all * of(load.rank.vocabulary, logit(load.recipe.loss)) : Bytes{};
}

/// The largest weight gradient of a stage, in BF16 before it is added to what was summed up. GEMMs
/// of block-scaled FP8 add to it themselves.
Bytes weight_gradient(const RankLoad& load, const Stage& stage) {
  if (is_fp8_block(load.recipe)) {
    return {};
  }
  const Architecture& rank = load.rank;
  const std::int64_t ups = rank.gated_mlp ? 2 : 1;
  std::int64_t columns = 0;
  for (const Unit& unit : stage.units) {
    const bool is_end = unit.kind == UnitKind::kEmbedding || unit.kind == UnitKind::kHead;
    const std::int64_t inner =
        has_experts(unit.kind, rank) ? rank.moe.intermediate : rank.dense_intermediate;
    columns = std::max(columns, is_end ? rank.vocabulary : ups * inner);
  }
  return of(rank.hidden * columns, kBf16);
}

/// A weight of a linear layer.
Bytes linear_weight(const Recipe& recipe) {
  switch (recipe.gemm) {
    case Precision::kFp8Block:
      return Bytes(1.0);
    case Precision::kFp8:
    case Precision::kFp4:
      return kBf16 + 2.0 * linear_input(recipe);
    case Precision::kBf16:
    case Precision::kFp32:
    case Precision::kInt8:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      break;
  }
  return kBf16;
}

/// Bytes of what a rank keeps of a stage's parameters: of those that all data ranks have, and of
/// its experts.
struct StateBytes {
  Bytes dense;
  Bytes experts;

  Bytes sum() const { return dense + experts; }
  Bytes over(const ShardGroups& groups) const {
    return dense / groups.dense + experts / groups.experts;
  }
};

StateBytes weights(const StageParameters& parameters, const Recipe& recipe) {
  const Bytes linear = linear_weight(recipe);
  return {.dense = (parameters.dense - parameters.high_precision) * linear +
                   parameters.high_precision * kBf16,
          .experts = parameters.experts * linear};
}

StateBytes states(const StageParameters& parameters, Bytes element) {
  return {.dense = parameters.dense * element, .experts = parameters.experts * element};
}

Bytes state(Precision precision) {
  return precision == Precision::kFp32 ? kFp32 : kBf16;
}

/// The unit of a stage with most parameters, as one that is gathered or reduced at a time.
StageParameters largest_unit(const Architecture& model,
                             const TrainingPlan& plan,
                             const Stage& stage) {
  StageParameters largest;
  for (const Unit& unit : stage.units) {
    const StageParameters one =
        stage_parameters(model, plan, {.first_layer = 0, .layers = 0, .units = {unit}});
    if (one.dense + one.experts > largest.dense + largest.experts) {
      largest = one;
    }
  }
  return largest;
}

StageParameters larger(const StageParameters& one, const StageParameters& other) {
  return one.dense + one.experts < other.dense + other.experts ? other : one;
}

/// Of sharded gradients one unit's are whole until they are reduced; of sharded parameters two
/// units are gathered, the one at work and the next.
void add_units_at_work(const TrainingPlan& plan, const StageParameters& unit, MemoryUse& use) {
  if (plan.zero_stage >= 2) {
    use.gradients += states(unit, state(plan.recipe.gradients)).sum();
  }
  if (plan.zero_stage == 3) {
    use.weights += 2.0 * weights(unit, plan.recipe).sum();
  }
}

/// Adds what a rank keeps of one stage's parameters.
void add_parameters(const Architecture& model,
                    const TrainingPlan& plan,
                    const Stage& stage,
                    std::size_t hosts,
                    MemoryUse& use) {
  const Recipe& recipe = plan.recipe;
  const StageParameters parameters = stage_parameters(model, plan, stage);
  const ShardGroups groups = shard_groups(plan, hosts);
  const Bytes of_gradient = state(recipe.gradients);
  const StateBytes kept_weights = weights(parameters, recipe);
  const StateBytes gradients = states(parameters, of_gradient);
  const StateBytes optimizer = states(parameters, kFp32 + 2.0 * state(recipe.moments));
  if (plan.zero_stage < 2) {
    use.weights += kept_weights.sum();
    use.gradients += gradients.sum();
  } else {
    use.gradients += gradients.over(groups);
    use.weights += plan.zero_stage == 2 ? kept_weights.sum() : kept_weights.over(groups);
  }
  use.optimizer += plan.zero_stage > 0 ? optimizer.over(groups) : optimizer.sum();
}

}  // namespace

Bytes kept_by_unit(UnitKind unit, const Architecture& model, const TrainingPlan& plan) {
  return kept(unit, rank_load(model, plan));
}

Bytes kept_per_token(UnitKind unit, const Architecture& model, const Recipe& recipe) {
  TrainingPlan one;
  one.sequence = 1;
  one.recipe = recipe;
  return kept_by_unit(unit, model, one);
}

std::vector<MemoryUse> peak_memory(const Architecture& model,
                                   const TrainingPlan& plan,
                                   const Schedule& schedule,
                                   const std::vector<Stage>& stages) {
  const RankLoad load = rank_load(model, plan);
  std::vector<Bytes> chunk_of_stage;
  chunk_of_stage.reserve(stages.size());
  std::vector<Bytes> again_of_stage;
  again_of_stage.reserve(stages.size());
  for (const Stage& stage : stages) {
    Bytes& chunk = chunk_of_stage.emplace_back();
    Bytes& again = again_of_stage.emplace_back();
    for (const Unit& unit : stage.units) {
      chunk += kept(unit.kind, load);
      again = std::max(again, made_again(unit.kind, load));
    }
  }
  std::vector<MemoryUse> result;
  result.reserve(schedule.programs.size());
  for (int pipeline = 0; pipeline < schedule.ranks(); ++pipeline) {
    const Program& program = schedule.programs[at(pipeline)];
    const Peak peak = peak_activations(program, chunk_of_stage);
    MemoryUse use;
    Bytes gradient;
    use.activations = peak.held;
    use.slot = peak.slot;
    use.chunk = program.empty() ? Chunk{} : program[peak.slot].chunk;
    use.context = kContext;
    Bytes again;
    StageParameters at_work;  // the largest unit of the rank's stages
    for (int index = 0; index < schedule.stages; ++index) {
      const std::vector<int> hosts = hosts_of_stage(schedule, index);
      if (std::ranges::count(hosts, pipeline) == 0) {
        continue;
      }
      add_parameters(model, plan, stages[at(index)], hosts.size(), use);
      at_work = larger(at_work, largest_unit(model, plan, stages[at(index)]));
      use.logits = std::max(use.logits, logits(load, stages[at(index)]));
      again = std::max(again, again_of_stage[at(index)]);
      gradient = std::max(gradient, weight_gradient(load, stages[at(index)]));
    }
    add_units_at_work(plan, at_work, use);
    use.working = working_set(load, plan) + again + gradient;
    if (std::ranges::none_of(program,
                             [](const Slot& slot) { return slot.overlapped.has_value(); })) {
      // Layers work before the head and after it.
      (use.logits > use.working ? use.working : use.logits) = {};
    }
    result.push_back(use);
  }
  return result;
}

}  // namespace towtank
