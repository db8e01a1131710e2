// ZB1P, the handcrafted schedule ZB-H1 of "Zero Bubble Pipeline Parallelism" (Qi et al., 2023,
// section 2.1).
//
// 1F1B with the backward pass split into input gradient B and weight gradient W, so that the rank
// before gets its B sooner. Rank r delays its W until r of them wait: with the PP - r micro-batches
// that 1F1B keeps between F and B, every rank holds the activations of PP micro-batches, the peak
// of 1F1B. The delayed W fill the end of the step, where the rank would wait for others.
#include <algorithm>

#include "sim/plan/schedules.hpp"

namespace towtank {

namespace {

Program zb1p_program(int rank, const ScheduleSize& size) {
  const int warm_up = std::min(size.ranks - rank - 1, size.micro_batches);
  const int delay = rank;
  Program program;
  const auto add = [&](Pass pass, int i) {
    program.push_back({.chunk = {.pass = pass, .stage = rank, .micro_batch = i}});
  };
  for (int i = 0; i < warm_up; ++i) {
    add(Pass::kForward, i);
  }
  for (int i = 0; i < size.micro_batches; ++i) {
    if (i + warm_up < size.micro_batches) {
      add(Pass::kForward, i + warm_up);
    }
    add(Pass::kBackwardInput, i);
    if (i >= delay) {
      add(Pass::kWeight, i - delay);
    }
  }
  for (int i = std::max(size.micro_batches - delay, 0); i < size.micro_batches; ++i) {
    add(Pass::kWeight, i);
  }
  return program;
}

}  // namespace

Schedule zb1p(const ScheduleSize& size) {
  Schedule schedule{
      .kind = ScheduleKind::kZb1p, .stages = size.ranks, .micro_batches = size.micro_batches};
  for (int rank = 0; rank < size.ranks; ++rank) {
    schedule.programs.push_back(zb1p_program(rank, size));
  }
  return schedule;
}

}  // namespace towtank
