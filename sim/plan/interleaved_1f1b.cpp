// Interleaved 1F1B (Narayanan et al., 2021, section 2.2, as Megatron-LM orders it).
//
// A rank holds v model chunks: chunk c of rank r is stage c * PP + r. Passes come in groups of PP
// micro-batches: a group runs through the rank's first model chunk, then through its second, and so
// on (backward: last model chunk first), before the next group starts.
#include <algorithm>

#include <fmt/format.h>

#include "sim/plan/schedules.hpp"

namespace towtank {

namespace {

/// The `index`-th forward (or backward) pass of a rank.
Chunk nth_pass(Pass pass, int index, int rank, const ScheduleSize& size) {
  const int group_passes = size.ranks * size.interleave;
  const int within = index % group_passes;
  const int visited = within / size.ranks;
  const int model_chunk = pass == Pass::kForward ? visited : size.interleave - 1 - visited;
  return {.pass = pass,
          .stage = model_chunk * size.ranks + rank,
          .micro_batch = index / group_passes * size.ranks + within % size.ranks};
}

Program interleaved_program(int rank, const ScheduleSize& size) {
  const int passes = size.micro_batches * size.interleave;
  const int warm_up =
      std::min((size.ranks - rank - 1) * 2 + (size.interleave - 1) * size.ranks, passes);
  Program program;
  for (int i = 0; i < warm_up; ++i) {
    program.push_back({.chunk = nth_pass(Pass::kForward, i, rank, size)});
  }
  for (int i = warm_up; i < passes; ++i) {
    program.push_back({.chunk = nth_pass(Pass::kForward, i, rank, size)});
    program.push_back({.chunk = nth_pass(Pass::kBackward, i - warm_up, rank, size)});
  }
  for (int i = passes - warm_up; i < passes; ++i) {
    program.push_back({.chunk = nth_pass(Pass::kBackward, i, rank, size)});
  }
  return program;
}

}  // namespace

std::optional<std::string> interleaved_1f1b_problem(const ScheduleSize& size) {
  if (size.interleave < 2) {
    return fmt::format(
        "interleaved 1F1B needs at least 2 stages a rank, found an interleave of {}; use 2 or "
        "more, "
        "or the schedule 1f1b",
        size.interleave);
  }
  const int missing = size.micro_batches % size.ranks;
  if (missing == 0) {
    return {};
  }
  const int below = size.micro_batches - missing;
  const int above = below + size.ranks;
  const std::string choice =
      below == 0 ? fmt::format("{}", above) : fmt::format("{} or {}", below, above);
  return fmt::format(
      "interleaved 1F1B needs micro-batches that divide by its pipeline ranks, found {} for {} "
      "ranks; use {}",
      size.micro_batches,
      size.ranks,
      choice);
}

Schedule interleaved_1f1b(const ScheduleSize& size) {
  Schedule schedule{.kind = ScheduleKind::kInterleaved1F1B,
                    .stages = size.ranks * size.interleave,
                    .micro_batches = size.micro_batches};
  for (int rank = 0; rank < size.ranks; ++rank) {
    schedule.programs.push_back(interleaved_program(rank, size));
  }
  return schedule;
}

}  // namespace towtank
