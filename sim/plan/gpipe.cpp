// GPipe (Huang et al., 2019): all micro-batches forward, then all of them backward.
#include "sim/plan/schedules.hpp"

namespace towtank {

namespace {

Program gpipe_program(int rank, int micro_batches) {
  Program program;
  for (int i = 0; i < micro_batches; ++i) {
    program.push_back({.chunk = {.pass = Pass::kForward, .stage = rank, .micro_batch = i}});
  }
  for (int i = 0; i < micro_batches; ++i) {
    program.push_back({.chunk = {.pass = Pass::kBackward, .stage = rank, .micro_batch = i}});
  }
  return program;
}

}  // namespace

Schedule gpipe(const ScheduleSize& size) {
  Schedule schedule{
      .kind = ScheduleKind::kGpipe, .stages = size.ranks, .micro_batches = size.micro_batches};
  for (int rank = 0; rank < size.ranks; ++rank) {
    schedule.programs.push_back(gpipe_program(rank, size.micro_batches));
  }
  return schedule;
}

}  // namespace towtank
