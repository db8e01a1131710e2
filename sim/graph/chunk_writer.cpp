#include "sim/graph/chunk_writer.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <tuple>

#include "sim/base/error.hpp"
#include "sim/graph/unit_gradients.hpp"
#include "sim/graph/unit_parameters.hpp"
#include "sim/graph/unit_segments.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

Phase phase(Pass pass) {
  switch (pass) {
    case Pass::kForward:
      return Phase::kForward;
    case Pass::kBackward:
    case Pass::kBackwardInput:
      return Phase::kBackward;
    case Pass::kWeight:
      return Phase::kWeight;
  }
  return Phase::kForward;
}

/// Where a chunk's input arrives: forwards or backwards, the simulated rank, the stage and
/// micro-batch it is for.
using Arrival = std::tuple<bool, int, int, int>;

/// Parts of a unit that run with the whole GPU, and beside communication kernels.
struct UnitVariants {
  UnitParts alone;
  UnitParts shared;
};

/// Pieces of an input gradient up to its last collective: weight gradients run beside that.
std::size_t up_to_last_collective(const Part& part) {
  std::size_t end = part.size();
  while (end > 0 && part[end - 1].segment >= 0) {
    --end;
  }
  return end > 0 ? end : part.size();
}

/// A chunk being written: the units it works through, in its own order, and the chain they make.
struct OpenChunk {
  Chunk chunk;
  bool shared = false;  // overlapped with another chunk
  std::vector<Unit> units;
  Chain chain;
  std::optional<Arrival> input;  // what its first node waits for, until that is written

  int count() const { return static_cast<int>(units.size()); }
};

/// Of a backward pass: keys and values once more, and their gradients.
constexpr std::initializer_list<TransferKind> kThereAndBack = {TransferKind::kAllGather,
                                                               TransferKind::kReduceScatter};

class ProgramWriter {
 public:
  explicit ProgramWriter(GraphWriter& writer)
      : writer_(writer), job_(writer.job()), parameters_(writer), gradients_(writer) {}

  GradientsReady write() {
    for (int sim = 0; sim < writer_.simulated_ranks(); ++sim) {
      units_ = &units_of(sim);
      write_program(sim);
    }
    for (const auto& [input, vertex] : needs_) {
      const auto source = arrivals_.find(input);
      check(source != arrivals_.end(), "every chunk's input is sent by the neighbouring stage");
      writer_.depend(source->second, vertex);
    }
    return gradients_.take();
  }

 private:
  /// The segments that a rank works through; ranks whose experts receive as much share them.
  const std::map<Unit, UnitVariants>& units_of(int sim) {
    const TokenShard shard = shard_of(sim);
    const auto [entry, is_new] = units_of_rows_.try_emplace(shard.expert_rows);
    if (!is_new) {
      return entry->second;
    }
    const auto make = [&](const Unit& unit, bool shares_gpu) {
      return add_unit_parts(
          unit,
          job_.model,
          shard,
          job_.plan.recipe,
          {.shares_gpu = shares_gpu, .overlaps_columns = job_.plan.overlap.tensor},
          writer_.segments());
    };
    for (const Unit& unit : units_of_model()) {
      entry->second[unit] = {.alone = make(unit, false), .shared = make(unit, true)};
    }
    return entry->second;
  }

  /// Each unit that a stage has, once.
  std::set<Unit> units_of_model() const {
    std::set<Unit> units;
    for (const Stage& stage : job_.stages) {
      units.insert(stage.units.begin(), stage.units.end());
    }
    return units;
  }

  TokenShard shard_of(int sim) const {
    const TokenShard balanced = job_.plan.token_shard(job_.model.moe.experts, job_.model.moe.top_k);
    const int rank = writer_.rank(sim);
    const UnevenGroup* const group = job_.experts ? job_.experts->of(rank) : nullptr;
    if (group == nullptr) {
      return balanced;
    }
    const auto copies = static_cast<double>(job_.plan.own_tokens() * job_.plan.expert_tensor *
                                            job_.model.moe.top_k);
    return group->shard(balanced, job_.experts->place(rank), copies);
  }

  void write_program(int sim) {
    sends_under_way_.clear();
    parameters_.start(sim);
    const Program& program = job_.schedule.programs[at(writer_.pipeline(sim))];
    gradients_.start(sim, program);
    for (const Slot& slot : program) {
      write_slot(sim, slot);
      send_finished(sim);
      for (const Chunk* chunk : {&slot.chunk, slot.overlapped ? &*slot.overlapped : nullptr}) {
        if (chunk != nullptr && (chunk->pass == Pass::kBackward || chunk->pass == Pass::kWeight)) {
          gradients_.finish(*chunk);
        }
      }
    }
  }

  void write_slot(int sim, const Slot& slot) {
    const bool overlapped = slot.overlapped.has_value();
    const int label =
        writer_.add_slot({.rank = sim,
                          .phase = overlapped ? Phase::kOverlapped : phase(slot.chunk.pass),
                          .stage = slot.chunk.stage,
                          .overlapped_stage = overlapped ? slot.overlapped->stage : -1,
                          .micro_batch = slot.chunk.micro_batch});
    OpenChunk first = open(sim, slot.chunk, label, overlapped);
    if (overlapped) {
      OpenChunk second = open(sim, *slot.overlapped, label, true);
      sends_under_way_.clear();  // both chunks wait for them
      write_overlapped(first, second);
      return;
    }
    if (slot.chunk.pass == Pass::kWeight) {
      write_weights(first);
      return;
    }
    sends_under_way_.clear();
    if (slot.chunk.pass == Pass::kForward) {
      write_forward(first);
    } else {
      write_backward(first, slot.chunk.pass == Pass::kBackward);
    }
  }

  OpenChunk open(int sim, const Chunk& chunk, int slot, bool shared) const {
    OpenChunk result{.chunk = chunk,
                     .shared = shared,
                     .units = job_.stages[at(chunk.stage)].units,
                     .chain = {.sim = sim, .slot = slot, .last = std::nullopt, .waits = {}},
                     .input = std::nullopt};
    const bool forward = chunk.pass == Pass::kForward;
    if (!forward) {
      std::ranges::reverse(result.units);
    }
    if (chunk.pass == Pass::kWeight) {
      return result;
    }
    const int entrance = forward ? 0 : job_.schedule.stages - 1;
    if (chunk.stage != entrance) {
      result.input = Arrival{forward, sim, chunk.stage, chunk.micro_batch};
    }
    result.chain.waits = sends_under_way_;
    return result;
  }

  // ---- orders in which units are worked through ------------------------------------------------

  void write_forward(OpenChunk& chunk) {
    for (int unit = 0; unit < chunk.count(); ++unit) {
      forward_attention(chunk, unit);
      forward_mlp(chunk, unit);
    }
  }

  /// Input gradients; with weight gradients, which run beside the combine of their own unit and the
  /// dispatch of the next.
  void write_backward(OpenChunk& chunk, bool with_weights) {
    begin_backward(chunk, 0, false);
    for (int unit = 0; unit < chunk.count(); ++unit) {
      if (with_weights) {
        backward_mlp_with_weights(chunk, unit);
        backward_attention_with_weights(chunk, unit);
        gradients_complete(chunk, unit);
      } else {
        backward_mlp(chunk, unit, false);
        backward_attention(chunk, unit);
        begin_backward(chunk, unit + 1, false);
      }
    }
  }

  void write_weights(OpenChunk& chunk) {
    for (int unit = 0; unit < chunk.count(); ++unit) {
      weight(chunk, unit, false, &UnitParts::mlp_weight_gradient);
      weight(chunk, unit, false, &UnitParts::attention_weight_gradient);
      gradients_complete(chunk, unit);
    }
  }

  /// The overlapped pair: while one chunk communicates the other computes.
  void write_overlapped(OpenChunk& f, OpenChunk& b) {
    begin_backward(b, 0, true);
    for (int unit = 0; unit < std::max(f.count(), b.count()); ++unit) {
      forward_attention(f, unit);
      backward_mlp(b, unit, true);
      weight(b, unit, true, &UnitParts::mlp_weight_gradient);
      forward_mlp(f, unit);
      backward_attention(b, unit);
      begin_backward(b, unit + 1, true);
      weight(b, unit, true, &UnitParts::attention_weight_gradient);
      gradients_complete(b, unit);
    }
  }

  // ---- parts of a unit; nothing past a chunk's last unit ----------------------------------------

  void forward_attention(OpenChunk& chunk, int unit) {
    if (unit < chunk.count()) {
      need_parameters(chunk, unit, true);
      attend(chunk, unit);
    }
  }

  /// Also when the unit is computed again.
  void attend(OpenChunk& chunk, int unit) {
    const Part& part = parts_of(chunk, unit).attention_forward;
    const std::optional<Vertex> passed = pass_round(chunk, part, {TransferKind::kAllGather});
    context(chunk, part, TransferKind::kAllGather);
    compute(chunk, part);
    wait_for(chunk, passed);
    experts(chunk, unit, TransferKind::kDispatch, chunk.shared);
  }

  void forward_mlp(OpenChunk& chunk, int unit) {
    if (unit < chunk.count()) {
      compute(chunk, parts_of(chunk, unit).mlp_forward);
      experts(chunk, unit, TransferKind::kCombine, chunk.shared);
      hand_over_after(chunk, unit);
    }
  }

  /// What a unit's backward pass begins with: its parameters, what of it is computed again, and the
  /// dispatch of its gradients.
  void begin_backward(OpenChunk& chunk, int unit, bool beside_kernels) {
    if (unit < chunk.count()) {
      need_parameters(chunk, unit, false);
      compute_again(chunk, unit);
      experts(chunk, unit, TransferKind::kDispatch, beside_kernels);
    }
  }

  void compute_again(OpenChunk& chunk, int unit) {
    const Recompute& recompute = job_.plan.recipe.recompute;
    const UnitParts& parts = parts_of(chunk, unit);
    if (parts.attention_forward.empty()) {  // embedding and head are kept
      return;
    }
    if (recompute.layers) {
      attend(chunk, unit);
    } else if (recompute.mlp) {
      experts(chunk, unit, TransferKind::kDispatch, chunk.shared);
    }
    if (recompute.layers || recompute.mlp) {
      compute(chunk, parts.mlp_forward);
      experts(chunk, unit, TransferKind::kCombine, chunk.shared);
    }
  }

  void backward_mlp(OpenChunk& chunk, int unit, bool beside_kernels) {
    if (unit < chunk.count()) {
      compute(chunk, parts_of(chunk, unit).mlp_input_gradient);
      experts(chunk, unit, TransferKind::kCombine, beside_kernels);
    }
  }

  void backward_attention(OpenChunk& chunk, int unit) {
    if (unit < chunk.count()) {
      const Part& part = parts_of(chunk, unit).attention_input_gradient;
      const std::optional<Vertex> passed = pass_round(chunk, part, kThereAndBack);
      context(chunk, part, TransferKind::kAllGather);
      compute(chunk, part);
      wait_for(chunk, passed);
      context(chunk, part, TransferKind::kReduceScatter);
      hand_over_after(chunk, unit);
    }
  }

  /// Weight gradients run beside the last collective of the tensor ranks or, of expert layers,
  /// beside the combine, where that may.
  void backward_mlp_with_weights(OpenChunk& chunk, int unit) {
    const Part& input = parts_of(chunk, unit).mlp_input_gradient;
    if (!travels(chunk, unit)) {
      compute_with_weights(chunk, unit, input, &UnitParts::mlp_weight_gradient);
    } else if (job_.plan.overlap.experts) {
      backward_mlp(chunk, unit, true);
      weight(chunk, unit, true, &UnitParts::mlp_weight_gradient);
    } else {
      compute(chunk, input);
      weight(chunk, unit, false, &UnitParts::mlp_weight_gradient);
      wait_for_kernels(chunk);
      experts(chunk, unit, TransferKind::kCombine, false);
    }
  }

  /// With the beginning of the next unit.
  void backward_attention_with_weights(OpenChunk& chunk, int unit) {
    const Part& input = parts_of(chunk, unit).attention_input_gradient;
    const bool beside_dispatch = travels(chunk, unit + 1) && job_.plan.overlap.experts &&
                                 !recomputes_layers_or_mlp(chunk, unit + 1);
    const bool has_collectives = up_to_last_collective(input) < input.size();
    if (beside_dispatch || (!has_collectives && !travels(chunk, unit + 1))) {
      backward_attention(chunk, unit);
      begin_backward(chunk, unit + 1, beside_dispatch);
      weight(chunk, unit, beside_dispatch, &UnitParts::attention_weight_gradient);
      return;
    }
    const std::optional<Vertex> passed = pass_round(chunk, input, kThereAndBack);
    context(chunk, input, TransferKind::kAllGather);
    compute_with_weights(chunk, unit, input, &UnitParts::attention_weight_gradient);
    if (!has_collectives) {
      wait_for_kernels(chunk);
    }
    wait_for(chunk, passed);
    context(chunk, input, TransferKind::kReduceScatter);
    hand_over_after(chunk, unit);
    begin_backward(chunk, unit + 1, false);
  }

  bool recomputes_layers_or_mlp(const OpenChunk& chunk, int unit) const {
    const Recompute& recompute = job_.plan.recipe.recompute;
    return unit < chunk.count() && (recompute.layers || recompute.mlp);
  }

  /// What follows in the chunk's chain waits for all kernels so far.
  void wait_for_kernels(OpenChunk& chunk) {
    chunk.chain.waits.push_back(writer_.last_kernel(chunk.chain.sim));
  }

  /// An input gradient up to its last collective, the weight gradients, and the rest, which waits
  /// for the collective. What weight gradients gather comes early.
  void compute_with_weights(OpenChunk& chunk,
                            int unit,
                            const Part& input,
                            Part UnitParts::*weights) {
    const Part& weight_part = parts_of(chunk, unit).*weights;
    const std::size_t head = up_to_last_collective(input);
    const std::size_t begun = !input.empty() && input.front().beside == Beside::kNext ? 2 : 1;
    const std::size_t first = std::min(begun, head);
    compute(chunk, input, 0, first);
    const std::vector<Vertex> gathered = gather_for_weights(chunk, weight_part);
    compute(chunk, input, first, head);
    write_weight_kernels(chunk, weight_part, gathered);
    compute(chunk, input, head, input.size());
  }

  /// A weight gradient. It needs the input gradient before it on the compute stream, whose order
  /// sees to that, and nothing in its chunk waits for it.
  void weight(const OpenChunk& chunk, int unit, bool shared, Part UnitParts::*part) {
    if (unit >= chunk.count()) {
      return;
    }
    const UnitVariants& variants = units_->at(chunk.units[at(unit)]);
    const Part& pieces = (shared ? variants.shared : variants.alone).*part;
    write_weight_kernels(chunk, pieces, gather_for_weights(chunk, pieces));
  }

  /// What a weight gradient's operands are gathered by: after the kernels so far.
  std::vector<Vertex> gather_for_weights(const OpenChunk& chunk, const Part& part) {
    std::vector<Vertex> gathered;
    for (const Piece& piece : part) {
      if (piece.segment < 0) {
        Chain aside = beside(chunk);
        if (writer_.has_kernels(chunk.chain.sim)) {
          aside.last = writer_.last_kernel(chunk.chain.sim);
        }
        writer_.collective(aside, piece.collective);
        gathered.push_back(*aside.last);
      }
    }
    return gathered;
  }

  void write_weight_kernels(const OpenChunk& chunk,
                            const Part& part,
                            const std::vector<Vertex>& gathered) {
    auto next = gathered.begin();
    Chain aside = beside(chunk);
    for (const Piece& piece : part) {
      if (piece.segment < 0) {
        aside.waits.push_back(*next++);
      } else {
        writer_.compute(aside, piece.segment);
      }
    }
  }

  /// A chain of the chunk's slot that nothing of the chunk waits for.
  static Chain beside(const OpenChunk& chunk) {
    return {.sim = chunk.chain.sim, .slot = chunk.chain.slot, .last = std::nullopt, .waits = {}};
  }

  const UnitParts& parts_of(const OpenChunk& chunk, int unit) const {
    const UnitVariants& variants = units_->at(chunk.units[at(unit)]);
    return chunk.shared ? variants.shared : variants.alone;
  }

  void compute(OpenChunk& chunk, const Part& part) { compute(chunk, part, 0, part.size()); }

  /// Pieces [begin, end) of a part.
  void compute(OpenChunk& chunk, const Part& part, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Piece& piece = part[i];
      if (i + 1 < end && piece.segment < 0 && piece.beside == Beside::kNext) {
        gather_beside(chunk, piece, part[++i]);
      } else if (i + 1 < end && part[i + 1].segment < 0 &&
                 part[i + 1].beside == Beside::kPrevious) {
        ++i;
        scatter_beside(chunk, part[i], piece);
      } else if (piece.segment < 0) {
        writer_.collective(chunk.chain, piece.collective);
        note_first_node(chunk);
      } else {
        writer_.compute(chunk.chain, piece.segment);
        note_first_node(chunk);
      }
    }
  }

  /// A gather in as many pieces as there are ranks, each of which a GEMM takes up as it comes: it
  /// cannot begin before the first and goes on beside the others.
  void gather_beside(OpenChunk& chunk, const Piece& gather, const Piece& gemm) {
    writer_.collective(chunk.chain, gather.collective, one_piece(gather));
    note_first_node(chunk);
    Chain others = chunk.chain;
    writer_.collective(others, gather.collective, 1.0 - one_piece(gather));
    writer_.compute(chunk.chain, gemm.segment);
    chunk.chain.waits.push_back(*others.last);
  }

  /// The other way round: all pieces but the last go out beside the GEMM that makes them.
  void scatter_beside(OpenChunk& chunk, const Piece& scatter, const Piece& gemm) {
    Chain others = chunk.chain;
    writer_.compute(chunk.chain, gemm.segment);
    note_first_node(chunk);
    writer_.collective(others, scatter.collective, 1.0 - one_piece(scatter));
    chunk.chain.waits.push_back(*others.last);
    writer_.collective(chunk.chain, scatter.collective, one_piece(scatter));
  }

  double one_piece(const Piece& piece) const {
    const bool experts = piece.collective.scope == CollectiveScope::kExpertTensor;
    return 1.0 / (experts ? job_.plan.expert_tensor : job_.plan.tensor);
  }

  // ---- parameters and gradients that move while chunks run
  // ---------------------------------------

  void need_parameters(OpenChunk& chunk, int unit, bool forward) {
    const std::vector<Vertex> gathered = parameters_.need(
        {.sim = chunk.chain.sim,
         .slot = chunk.chain.slot,
         .stage = chunk.chunk.stage,
         .unit = forward ? unit : chunk.count() - 1 - unit,
         .before = chunk.chain.last ? chunk.chain.last : writer_.newest_kernel(chunk.chain.sim),
         .forward = forward});
    chunk.chain.waits.insert(chunk.chain.waits.end(), gathered.begin(), gathered.end());
  }

  void gradients_complete(const OpenChunk& chunk, int unit) {
    if (unit < chunk.count()) {
      gradients_.complete(chunk.chunk, chunk.chain.slot, chunk.count() - 1 - unit);
    }
  }

  /// Whether a unit's tokens travel to experts.
  bool travels(const OpenChunk& chunk, int unit) const {
    return unit < chunk.count() && has_experts(chunk.units[at(unit)].kind, job_.model);
  }

  void experts(OpenChunk& chunk, int unit, TransferKind kind, bool beside_kernels) {
    if (travels(chunk, unit)) {
      writer_.experts(chunk.chain, kind, beside_kernels);
      note_first_node(chunk);
    }
  }

  bool shares_sequence(const Part& attention) const {
    return job_.plan.context > 1 && !attention.empty();
  }

  /// Keys and values, or their gradients, go round the ranks that share a sequence beside the
  /// kernels that use them.
  std::optional<Vertex> pass_round(OpenChunk& chunk,
                                   const Part& attention,
                                   std::initializer_list<TransferKind> kinds) {
    if (!shares_sequence(attention) || job_.plan.context_exchange != ContextExchange::kRing) {
      return std::nullopt;
    }
    Chain round = chunk.chain;
    bool first = true;
    for (const TransferKind kind : kinds) {
      writer_.context(round, kind);
      if (first && chunk.input) {
        needs_.emplace_back(*chunk.input, *round.last);
      }
      first = false;
    }
    return round.last;
  }

  static void wait_for(OpenChunk& chunk, std::optional<Vertex> vertex) {
    if (vertex) {
      chunk.chain.waits.push_back(*vertex);
    }
  }

  void context(OpenChunk& chunk, const Part& attention, TransferKind kind) {
    if (shares_sequence(attention) && job_.plan.context_exchange == ContextExchange::kAllGather) {
      writer_.context(chunk.chain, kind);
      note_first_node(chunk);
    }
  }

  void note_first_node(OpenChunk& chunk) {
    if (chunk.input && chunk.chain.last) {
      needs_.emplace_back(*chunk.input, *chunk.chain.last);
      chunk.input.reset();
    }
  }

  // ---- results on their way to the neighbouring stage ------------------------------------------

  /// A finished chunk's result leaves at once or, in a blocking plan, with the end of its slot.
  void hand_over_after(const OpenChunk& chunk, int unit) {
    if (unit + 1 < chunk.count()) {
      return;
    }
    if (job_.plan.blocking_pipeline) {
      finished_.push_back(chunk);
    } else {
      send(chunk);
    }
  }

  /// The end of a slot in a blocking plan: all that it finished is sent after its last kernel, and
  /// the rank's next chunk waits until it is gone.
  void send_finished(int sim) {
    for (OpenChunk& chunk : finished_) {
      chunk.chain.waits = {writer_.last_kernel(sim)};
      send(chunk);
    }
    finished_.clear();
  }

  void send(const OpenChunk& open) {
    const Chunk& chunk = open.chunk;
    const Schedule& schedule = job_.schedule;
    const bool forward = chunk.pass == Pass::kForward;
    const int stage = chunk.stage + (forward ? 1 : -1);
    if (stage < 0 || stage >= schedule.stages) {
      return;
    }
    const int own = writer_.rank(open.chain.sim);
    // A folded mirror image runs the other direction; the stage tells where it is on this rank.
    const bool first_direction = rank_of(schedule, chunk.stage, 0) == job_.mesh.pipeline(own);
    const int there = rank_of(schedule, stage, first_direction ? 0 : schedule.directions - 1);
    const int to = job_.mesh.rank(there, job_.mesh.position(own));
    Chain sending = open.chain;
    if (to != own) {
      writer_.boundary(sending, to);
      if (job_.plan.blocking_pipeline) {
        sends_under_way_.push_back(*sending.last);
      }
    }
    arrivals_[{forward, writer_.sim_of(to), stage, chunk.micro_batch}] = *sending.last;
  }

  GraphWriter& writer_;
  const JobLayout& job_;
  std::map<std::int64_t, std::map<Unit, UnitVariants>> units_of_rows_;
  const std::map<Unit, UnitVariants>* units_ = nullptr;  // of the rank being written
  std::map<Arrival, Vertex> arrivals_;
  std::vector<std::pair<Arrival, Vertex>> needs_;
  std::vector<OpenChunk> finished_;      // of the slot being written, in a blocking plan
  std::vector<Vertex> sends_under_way_;  // of the rank being written, in a blocking plan
  UnitParameters parameters_;
  UnitGradients gradients_;
};

}  // namespace

GradientsReady write_chunks(GraphWriter& writer) {
  return ProgramWriter(writer).write();
}

}  // namespace towtank
