// 1F1B with a flush at the end of the step (PipeDream-Flush; Narayanan et al., 2021, section 2.2).
//
// Warm-up: a rank does as many forward passes as there are ranks after it. Steady state: one
// forward pass followed by one backward pass. Cool-down: the backward passes that are left.
#include <algorithm>

#include "sim/plan/schedules.hpp"

namespace towtank {

namespace {

Program one_f_one_b_program(int rank, const ScheduleSize& size) {
  const int warm_up = std::min(size.ranks - rank - 1, size.micro_batches);
  Program program;
  const auto forward = [&](int i) {
    program.push_back({.chunk = {.pass = Pass::kForward, .stage = rank, .micro_batch = i}});
  };
  const auto backward = [&](int i) {
    program.push_back({.chunk = {.pass = Pass::kBackward, .stage = rank, .micro_batch = i}});
  };
  for (int i = 0; i < warm_up; ++i) {
    forward(i);
  }
  for (int i = warm_up; i < size.micro_batches; ++i) {
    forward(i);
    backward(i - warm_up);
  }
  for (int i = size.micro_batches - warm_up; i < size.micro_batches; ++i) {
    backward(i);
  }
  return program;
}

}  // namespace

Schedule one_f_one_b(const ScheduleSize& size) {
  Schedule schedule{
      .kind = ScheduleKind::k1F1B, .stages = size.ranks, .micro_batches = size.micro_batches};
  for (int rank = 0; rank < size.ranks; ++rank) {
    schedule.programs.push_back(one_f_one_b_program(rank, size));
  }
  return schedule;
}

}  // namespace towtank
