#include "sim/plan/pipeline_time.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "sim/base/error.hpp"

namespace towtank {

namespace {

/// When each chunk's result exists; nothing while it does not.
class Results {
 public:
  explicit Results(const Schedule& schedule)
      : stages_(schedule.stages), micro_batches_(schedule.micro_batches_per_direction()) {
    const auto chunks = static_cast<std::size_t>(schedule.micro_batches) *
                        static_cast<std::size_t>(schedule.stages);
    ends_.fill(std::vector<std::optional<Seconds>>(chunks));
  }

  /// When the inputs of `chunk` are all there: its micro-batch from the stage before (forward) or
  /// after (backward), and what its own stage computed for it, which that stage's rank has behind
  /// it.
  std::optional<Seconds> inputs(const Chunk& chunk) const {
    if (chunk.pass == Pass::kForward) {
      return chunk.stage == 0 ? Seconds{} : end(kActivation, chunk, chunk.stage - 1);
    }
    if (chunk.pass == Pass::kWeight) {
      return end(kGradient, chunk, chunk.stage);
    }
    const auto own = end(kActivation, chunk, chunk.stage);
    if (!own || chunk.stage == stages_ - 1) {
      return own;
    }
    return end(kGradient, chunk, chunk.stage + 1);
  }

  void finish(const Chunk& chunk, Seconds time) {
    if (chunk.pass != Pass::kWeight) {
      const Kind kind = chunk.pass == Pass::kForward ? kActivation : kGradient;
      ends_.at(kind).at(index(chunk, chunk.stage)) = time;
    }
  }

 private:
  enum Kind : std::size_t { kActivation, kGradient };

  std::size_t index(const Chunk& chunk, int stage) const {
    const auto row = static_cast<std::size_t>(chunk.direction) * static_cast<std::size_t>(stages_) +
                     static_cast<std::size_t>(stage);
    return row * static_cast<std::size_t>(micro_batches_) +
           static_cast<std::size_t>(chunk.micro_batch);
  }
  std::optional<Seconds> end(Kind kind, const Chunk& chunk, int stage) const {
    return ends_.at(kind).at(index(chunk, stage));
  }

  int stages_ = 0;
  int micro_batches_ = 0;
  std::array<std::vector<std::optional<Seconds>>, 2> ends_;  // (direction, stage, micro-batch) each
};

Seconds duration(const Slot& slot, const ChunkTimes& times) {
  if (slot.overlapped) {
    return times.overlapped;
  }
  switch (slot.chunk.pass) {
    case Pass::kForward:
      return times.forward;
    case Pass::kBackward:
      return times.backward;
    case Pass::kBackwardInput:
      return times.backward - times.weight;
    case Pass::kWeight:
      break;
  }
  return times.weight;
}

std::optional<Seconds> inputs(const Slot& slot, const Results& results) {
  const auto first = results.inputs(slot.chunk);
  if (!first || !slot.overlapped) {
    return first;
  }
  const auto second = results.inputs(*slot.overlapped);
  return second ? std::max(*first, *second) : second;
}

/// How far a rank has come.
struct Progress {
  std::size_t slots = 0;
  Seconds time;
};

/// Runs the slots of one rank whose inputs exist; false if there was none.
bool advance(const Program& program,
             const ChunkTimes& times,
             Progress& progress,
             Results& results) {
  const std::size_t before = progress.slots;
  while (progress.slots < program.size()) {
    const Slot& slot = program[progress.slots];
    const auto ready = inputs(slot, results);
    if (!ready) {
      break;
    }
    progress.time = std::max(progress.time, *ready) + duration(slot, times);
    results.finish(slot.chunk, progress.time);
    if (slot.overlapped) {
      results.finish(*slot.overlapped, progress.time);
    }
    ++progress.slots;
  }
  return progress.slots > before;
}

/// Where each rank ends. A slot's times depend only on slots that are its inputs or come before it
/// on its rank, so the order in which ranks are advanced does not matter.
std::vector<Progress> execute(const Schedule& schedule, const ChunkTimes& times) {
  Results results(schedule);
  std::vector<Progress> ranks(schedule.programs.size());
  bool moved = true;
  while (moved) {
    moved = false;
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      moved |= advance(schedule.programs[rank], times, ranks[rank], results);
    }
  }
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    check(ranks[rank].slots == schedule.programs[rank].size(),
          "the schedule ends: no rank waits for ever for a chunk's inputs");
  }
  return ranks;
}

int peak_activations(const Program& program) {
  int held = 0;
  int peak = 0;
  for (const Slot& slot : program) {
    held += slot.chunk.pass == Pass::kForward ? 1 : 0;
    peak = std::max(peak, held);
    const Pass last = slot.overlapped ? slot.overlapped->pass : slot.chunk.pass;
    held -= last == Pass::kBackward || last == Pass::kWeight ? 1 : 0;
  }
  return peak;
}

}  // namespace

PipelineTime pipeline_time(const Schedule& schedule, const ChunkTimes& times) {
  PipelineTime result;
  for (const Progress& rank : execute(schedule, times)) {
    result.makespan = std::max(result.makespan, rank.time);
  }
  for (const Program& program : schedule.programs) {
    const Seconds busy = std::accumulate(
        program.begin(), program.end(), Seconds{}, [&](Seconds sum, const Slot& slot) {
          return sum + duration(slot, times);
        });
    result.busy.push_back(busy);
    result.bubble.push_back(result.makespan - busy);
    result.peak_activations.push_back(peak_activations(program));
  }
  return result;
}

Seconds published_bubble(ScheduleKind kind, const ScheduleSize& size, const ChunkTimes& times) {
  const double others = size.ranks - 1;
  const int half = size.ranks / 2;
  switch (kind) {
    case ScheduleKind::kGpipe:
    case ScheduleKind::k1F1B:
    case ScheduleKind::kInterleaved1F1B:
      return others * (times.forward + times.backward);
    case ScheduleKind::kZb1p:
      return others * (times.forward + times.backward - 2 * times.weight);
    case ScheduleKind::kDualPipe:
      return (half - 1) * (times.overlapped + times.backward - 3 * times.weight);
    case ScheduleKind::kDualPipeV:
      break;
  }
  return others * (times.overlapped + times.backward - 3 * times.weight);
}

int published_peak_activations(ScheduleKind kind, const ScheduleSize& size) {
  switch (kind) {
    case ScheduleKind::kGpipe:
      return size.micro_batches;
    case ScheduleKind::k1F1B:
    case ScheduleKind::kZb1p:
      return std::min(size.ranks, size.micro_batches);
    case ScheduleKind::kInterleaved1F1B:
      return std::min((size.interleave - 1) * size.ranks + 2 * (size.ranks - 1) + 1,
                      size.interleave * size.micro_batches);
    case ScheduleKind::kDualPipe:
      return size.ranks + 1;
    case ScheduleKind::kDualPipeV:
      break;
  }
  return 2 * size.ranks + 1;
}

}  // namespace towtank
