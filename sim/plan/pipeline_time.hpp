// How long a schedule takes when every chunk of a kind takes the same time and communication is
// free: the setting of the published bubble formulas, and those formulas.
//
// Where the schedules meet their formulas, with I = B - W the input gradient alone:
// - GPipe, 1F1B and interleaved 1F1B: every rank, exactly, at every size.
// - ZB1P: every rank, exactly, if W <= F, W <= I and there are at least PP micro-batches. Otherwise
//   the bubble is longer (with two ranks or more).
// - DualPipe and DualPipeV: the worst rank, exactly, if F = I and W <= I (F = W = B/2 is a case);
//   every rank, if also F&B = F + B. The worst rank stays at or below the formula if F <= I and
//   W <= I. If F >= I its bubble is longer by (PP/2-1)(F - I + max(0, W - I)), exactly.
#pragma once

#include <vector>

#include "sim/base/units.hpp"
#include "sim/plan/schedule.hpp"

namespace towtank {

/// Uniform times per chunk. `backward` is the full backward (input and weight); the input gradient
/// alone takes `backward - weight`.
struct ChunkTimes {
  Seconds forward;
  Seconds backward;
  Seconds weight;
  Seconds overlapped;  // F&B
};

/// A chunk's activations are held from the start of its forward to the end of its full backward, or
/// of its weight gradient where that is a chunk of its own: the input gradient frees nothing. In an
/// overlapped slot both chunks are held until the slot ends.
struct PipelineTime {
  Seconds makespan;
  std::vector<Seconds> busy;          // (ranks)
  std::vector<Seconds> bubble;        // (ranks): makespan minus busy
  std::vector<int> peak_activations;  // (ranks): most chunks held at once, of all stages together
};

/// Executes the schedule: a slot starts when its rank is free and its inputs exist. BrokenClaim if
/// the schedule deadlocks.
PipelineTime pipeline_time(const Schedule& schedule, const ChunkTimes& times);

/// The published closed form of the bubble of one rank:
/// GPipe and 1F1B (PP-1)(F+B); interleaved (PP-1)(F+B) with F and B of one of v chunks;
/// ZB1P (PP-1)(F+B-2W); DualPipe, DualPipeV (PP/2-1)(F&B+B-3W).
/// PP is the number of ranks, except for DualPipeV: there it is the number of stages, so that PP/2
/// is the number of ranks, and times are those of a chunk of one of the 2 * ranks stages.
///
/// Sources: Narayanan et al. 2021, section 2.2; DeepSeek-V3 report, Table 2; for DualPipeV the
/// README of deepseek-ai/DualPipe, whose table gives it PP/2 devices.
Seconds published_bubble(ScheduleKind kind, const ScheduleSize& size, const ChunkTimes& times);

/// The published peak number of chunks whose activations the worst rank holds (as PipelineTime
/// counts them), each of one stage: GPipe m; 1F1B and ZB1P PP; interleaved (v-1)PP + 2(PP-1) + 1;
/// DualPipe and DualPipeV PP+1, PP as in published_bubble(). Never more than the step's chunks on a
/// rank, which bounds 1F1B, ZB1P and interleaved 1F1B when micro-batches are few.
///
/// Sources: as published_bubble(); interleaved: the warm-up of Megatron-LM, plus one.
int published_peak_activations(ScheduleKind kind, const ScheduleSize& size);

}  // namespace towtank
