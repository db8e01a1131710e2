// DualPipeV (deepseek-ai/DualPipe): DualPipe cut in half and folded into a V.
//
// Of a DualPipe over 2 * PP ranks, keep the first half. Where a micro-batch would cross the middle
// it turns round and comes back through the same ranks: rank r holds stage r on the way down and
// stage 2 * PP - 1 - r on the way up. All micro-batches enter at rank 0; the way down is what
// DualPipe calls local direction 0, the way up local direction 1.
#include <fmt/format.h>

#include "sim/plan/schedules.hpp"

namespace towtank {

std::optional<std::string> dualpipev_problem(const ScheduleSize& size) {
  if (size.micro_batches < 2 * size.ranks) {
    return fmt::format(
        "DualPipeV needs at least twice as many micro-batches as pipeline ranks, found {} for {} "
        "ranks; use {} or more",
        size.micro_batches,
        size.ranks,
        2 * size.ranks);
  }
  return {};
}

Schedule dualpipev(const ScheduleSize& size) {
  Schedule schedule{.kind = ScheduleKind::kDualPipeV,
                    .stages = 2 * size.ranks,
                    .micro_batches = size.micro_batches};
  for (int rank = 0; rank < size.ranks; ++rank) {
    const LocalDirection down = {.stage = rank};
    const LocalDirection up = {.stage = schedule.stages - 1 - rank};
    schedule.programs.push_back(dualpipe_program(
        {.half = size.ranks, .distance = rank, .micro_batches = size.micro_batches}, {down, up}));
  }
  return schedule;
}

}  // namespace towtank
