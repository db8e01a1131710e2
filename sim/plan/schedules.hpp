// The schedules behind make_schedule(), one file each. What each one asks of its size beyond
// "at least one of everything" is its `_problem`; building requires that there is none.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "sim/plan/schedule.hpp"

namespace towtank {

Schedule gpipe(const ScheduleSize& size);
Schedule one_f_one_b(const ScheduleSize& size);
Schedule interleaved_1f1b(const ScheduleSize& size);
Schedule zb1p(const ScheduleSize& size);
Schedule dualpipe(const ScheduleSize& size);
Schedule dualpipev(const ScheduleSize& size);

std::optional<std::string> interleaved_1f1b_problem(const ScheduleSize& size);
std::optional<std::string> dualpipe_problem(const ScheduleSize& size);
std::optional<std::string> dualpipev_problem(const ScheduleSize& size);

/// What a rank of DualPipe calls F0/B0 or F1/B1: a stage, for micro-batches of one direction.
struct LocalDirection {
  int direction = 0;
  int stage = 0;
};

/// Where a rank stands between the ends of a DualPipe pipeline, where micro-batches enter, and its
/// middle. DualPipe has two ranks at each distance, DualPipeV one.
struct DualPipePosition {
  int half = 1;           // ranks from an end to the middle: PP/2 of DualPipe
  int distance = 0;       // from the nearer end, below `half`
  int micro_batches = 0;  // of one local direction, at least 2 * half
};

/// The eight steps of DualPipe for one rank, with its local directions 0 and 1 (defined in
/// dualpipe.cpp, used folded by dualpipev.cpp).
Program dualpipe_program(const DualPipePosition& position,
                         const std::array<LocalDirection, 2>& local);

}  // namespace towtank
