#include "sim/graph/chunk_writer.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <tuple>

#include "sim/base/error.hpp"
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

/// Segments of a unit that run with the whole GPU, and beside communication kernels.
struct UnitVariants {
  UnitSegments alone;
  UnitSegments shared;
};

/// A chunk being written: the units it works through, in its own order, and the chain they make.
struct OpenChunk {
  Chunk chunk;
  bool shared = false;  // overlapped with another chunk
  std::vector<Unit> units;
  Chain chain;
  std::optional<Arrival> input;  // what its first node waits for, until that is written

  int count() const { return static_cast<int>(units.size()); }
};

class ProgramWriter {
 public:
  explicit ProgramWriter(GraphWriter& writer) : writer_(writer), job_(writer.job()) {}

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
    return std::move(gradients_ready_);
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
      return add_unit_segments(
          unit, job_.model, shard, job_.plan.recipe, shares_gpu, writer_.segments());
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
    const auto copies = static_cast<double>(job_.plan.tokens_per_rank() * job_.model.moe.top_k);
    return group->shard(balanced, job_.experts->place(rank), copies);
  }

  void write_program(int sim) {
    sends_under_way_.clear();
    for (const Slot& slot : job_.schedule.programs[at(writer_.pipeline(sim))]) {
      write_slot(sim, slot);
      send_finished(sim);
      for (const Chunk* chunk : {&slot.chunk, slot.overlapped ? &*slot.overlapped : nullptr}) {
        if (chunk != nullptr && (chunk->pass == Pass::kBackward || chunk->pass == Pass::kWeight)) {
          gradients_ready_[{sim, chunk->stage}] = writer_.last_kernel(sim);
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
    backward_dispatch(chunk, 0, false);
    for (int unit = 0; unit < chunk.count(); ++unit) {
      backward_mlp(chunk, unit, with_weights);
      if (with_weights) {
        weight(chunk, unit, travels(chunk, unit), &UnitSegments::mlp_weight_gradient);
      }
      backward_attention(chunk, unit);
      backward_dispatch(chunk, unit + 1, with_weights);
      if (with_weights) {
        weight(chunk, unit, travels(chunk, unit + 1), &UnitSegments::attention_weight_gradient);
      }
    }
  }

  void write_weights(OpenChunk& chunk) {
    for (int unit = 0; unit < chunk.count(); ++unit) {
      weight(chunk, unit, false, &UnitSegments::mlp_weight_gradient);
      weight(chunk, unit, false, &UnitSegments::attention_weight_gradient);
    }
  }

  /// The overlapped pair: while one chunk communicates the other computes.
  void write_overlapped(OpenChunk& f, OpenChunk& b) {
    backward_dispatch(b, 0, true);
    for (int unit = 0; unit < std::max(f.count(), b.count()); ++unit) {
      forward_attention(f, unit);
      backward_mlp(b, unit, true);
      weight(b, unit, true, &UnitSegments::mlp_weight_gradient);
      forward_mlp(f, unit);
      backward_attention(b, unit);
      backward_dispatch(b, unit + 1, true);
      weight(b, unit, true, &UnitSegments::attention_weight_gradient);
    }
  }

  // ---- parts of a unit; nothing past a chunk's last unit ----------------------------------------

  void forward_attention(OpenChunk& chunk, int unit) {
    if (unit < chunk.count()) {
      const UnitSegments& segments = segments_of(chunk, unit);
      context(chunk, segments.attention_forward, TransferKind::kAllGather);
      compute(chunk, segments.attention_forward);
      experts(chunk, unit, TransferKind::kDispatch, chunk.shared);
    }
  }

  void forward_mlp(OpenChunk& chunk, int unit) {
    if (unit < chunk.count()) {
      compute(chunk, segments_of(chunk, unit).mlp_forward);
      experts(chunk, unit, TransferKind::kCombine, chunk.shared);
      hand_over_after(chunk, unit);
    }
  }

  void backward_dispatch(OpenChunk& chunk, int unit, bool beside_kernels) {
    if (unit < chunk.count()) {
      experts(chunk, unit, TransferKind::kDispatch, beside_kernels);
    }
  }

  void backward_mlp(OpenChunk& chunk, int unit, bool beside_kernels) {
    if (unit < chunk.count()) {
      compute(chunk, segments_of(chunk, unit).mlp_input_gradient);
      experts(chunk, unit, TransferKind::kCombine, beside_kernels);
    }
  }

  void backward_attention(OpenChunk& chunk, int unit) {
    if (unit < chunk.count()) {
      const int segment = segments_of(chunk, unit).attention_input_gradient;
      context(chunk, segment, TransferKind::kAllGather);
      compute(chunk, segment);
      context(chunk, segment, TransferKind::kReduceScatter);
      hand_over_after(chunk, unit);
    }
  }

  /// A weight gradient. It needs the input gradient before it on the compute stream, whose order
  /// sees to that, and nothing in its chunk waits for it.
  void weight(const OpenChunk& chunk, int unit, bool shared, int UnitSegments::*part) {
    if (unit >= chunk.count()) {
      return;
    }
    const UnitVariants& variants = units_->at(chunk.units[at(unit)]);
    const int segment = (shared ? variants.shared : variants.alone).*part;
    if (segment >= 0) {
      Chain aside{
          .sim = chunk.chain.sim, .slot = chunk.chain.slot, .last = std::nullopt, .waits = {}};
      writer_.compute(aside, segment);
    }
  }

  const UnitSegments& segments_of(const OpenChunk& chunk, int unit) const {
    const UnitVariants& variants = units_->at(chunk.units[at(unit)]);
    return chunk.shared ? variants.shared : variants.alone;
  }

  void compute(OpenChunk& chunk, int segment) {
    if (segment >= 0) {
      writer_.compute(chunk.chain, segment);
      note_first_node(chunk);
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

  void context(OpenChunk& chunk, int attention_segment, TransferKind kind) {
    if (job_.plan.context > 1 && attention_segment >= 0) {
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
  GradientsReady gradients_ready_;
};

}  // namespace

GradientsReady write_chunks(GraphWriter& writer) {
  return ProgramWriter(writer).write();
}

}  // namespace towtank
