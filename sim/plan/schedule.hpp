// A pipeline schedule: which chunk of work each pipeline rank does, in which order. No times.
//
// A stage is a run of consecutive layers. A chunk is one pass of one micro-batch through one stage.
// Terms: F forward, B full backward (input and weight gradient), W weight gradient alone, F&B a
// forward and a backward chunk overlapped with each other (DeepSeek-V3 report, section 3.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace towtank {

enum class Pass {
  kForward,
  kBackward,       // input and weight gradient, as one chunk
  kBackwardInput,  // input gradient only; a kWeight chunk follows later
  kWeight,
};

/// One pass of one micro-batch through one stage. In bidirectional schedules micro-batches enter
/// from both ends; `micro_batch` counts from 0 within its direction.
struct Chunk {
  Pass pass = Pass::kForward;
  int direction = 0;  // 0 or 1
  int stage = 0;
  int micro_batch = 0;

  friend bool operator==(const Chunk&, const Chunk&) = default;
};

/// One entry of a rank's program. `overlapped` (a full backward) shares the slot with `chunk` (a
/// forward): both need their inputs before the slot starts and have their results when it ends.
struct Slot {
  Chunk chunk;
  std::optional<Chunk> overlapped = std::nullopt;

  friend bool operator==(const Slot&, const Slot&) = default;
};

/// The slots of one rank, executed strictly in order.
using Program = std::vector<Slot>;

enum class ScheduleKind { kGpipe, k1F1B, kInterleaved1F1B, kZb1p, kDualPipe, kDualPipeV };

struct Schedule {
  ScheduleKind kind = ScheduleKind::k1F1B;
  int stages = 0;                      // PP; v * PP for interleaved; 2 * PP for DualPipeV
  int directions = 1;                  // 2 for DualPipe
  int micro_batches = 0;               // of all directions together
  std::vector<Program> programs = {};  // (ranks)

  int ranks() const { return static_cast<int>(programs.size()); }
  int micro_batches_per_direction() const { return micro_batches / directions; }
};

/// The rank that holds `stage` for micro-batches of `direction`.
int rank_of(const Schedule& schedule, int stage, int direction);

/// Stages held by each rank: 1; v for interleaved; 2 for DualPipe and DualPipeV.
int stages_per_rank(ScheduleKind kind, int interleave);

/// "gpipe", "1f1b", "interleaved-1f1b", "zb1p", "dualpipe", "dualpipev": the words of scenario
/// files.
std::string_view name(ScheduleKind kind);
std::optional<ScheduleKind> schedule_kind(std::string_view name);

/// Every kind, in the order of the enumeration.
const std::vector<ScheduleKind>& all_schedule_kinds();

/// What a schedule asks of its plan. `ranks` pipeline ranks, `micro_batches` per pipeline and step
/// (both directions together), `interleave` stages a rank for interleaved 1F1B (1 otherwise).
struct ScheduleSize {
  int ranks = 1;
  int micro_batches = 1;
  int interleave = 1;
};

/// Why `kind` cannot be built for `size`, with the numbers and what would do ("DualPipe needs an
/// even number of pipeline ranks, found 15; use 14 or 16"), or nothing.
std::optional<std::string> schedule_problem(ScheduleKind kind, const ScheduleSize& size);

/// Builds the schedule. Requires schedule_problem(...) to be empty.
Schedule make_schedule(ScheduleKind kind, const ScheduleSize& size);

}  // namespace towtank
