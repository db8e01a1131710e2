#include "sim/plan/schedule.hpp"

#include <array>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/plan/schedules.hpp"

namespace towtank {

namespace {

std::optional<std::string> no_problem(const ScheduleSize&) {
  return {};
}

struct Definition {
  ScheduleKind kind;
  std::string_view name;   // in scenario files
  std::string_view title;  // in sentences
  std::optional<std::string> (*problem)(const ScheduleSize&);
  Schedule (*make)(const ScheduleSize&);
};

const Definition& definition(ScheduleKind kind) {
  static constexpr std::array<Definition, 6> kDefinitions = {{
      {ScheduleKind::kGpipe, "gpipe", "GPipe", no_problem, gpipe},
      {ScheduleKind::k1F1B, "1f1b", "1F1B", no_problem, one_f_one_b},
      {ScheduleKind::kInterleaved1F1B,
       "interleaved-1f1b",
       "interleaved 1F1B",
       interleaved_1f1b_problem,
       interleaved_1f1b},
      {ScheduleKind::kZb1p, "zb1p", "ZB1P", no_problem, zb1p},
      {ScheduleKind::kDualPipe, "dualpipe", "DualPipe", dualpipe_problem, dualpipe},
      {ScheduleKind::kDualPipeV, "dualpipev", "DualPipeV", dualpipev_problem, dualpipev},
  }};
  const Definition& found = kDefinitions.at(static_cast<std::size_t>(kind));
  check(found.kind == kind, "schedules are defined in the order of the enumeration");
  return found;
}

std::optional<std::string> at_least_one(std::string_view title, std::string_view what, int found) {
  if (found >= 1) {
    return {};
  }
  return fmt::format("{} needs at least 1 {}, found {}; use 1 or more", title, what, found);
}

}  // namespace

int rank_of(const Schedule& schedule, int stage, int direction) {
  check(stage >= 0 && stage < schedule.stages, "the stage is one of the schedule's");
  check(direction >= 0 && direction < schedule.directions,
        "the direction is one of the schedule's");
  switch (schedule.kind) {
    case ScheduleKind::kInterleaved1F1B:
      return stage % schedule.ranks();
    case ScheduleKind::kDualPipe:
      return direction == 0 ? stage : schedule.stages - 1 - stage;
    case ScheduleKind::kDualPipeV:
      return stage < schedule.ranks() ? stage : schedule.stages - 1 - stage;
    case ScheduleKind::kGpipe:
    case ScheduleKind::k1F1B:
    case ScheduleKind::kZb1p:
      break;
  }
  return stage;
}

int stages_per_rank(ScheduleKind kind, int interleave) {
  switch (kind) {
    case ScheduleKind::kInterleaved1F1B:
      return interleave;
    case ScheduleKind::kDualPipe:
    case ScheduleKind::kDualPipeV:
      return 2;
    case ScheduleKind::kGpipe:
    case ScheduleKind::k1F1B:
    case ScheduleKind::kZb1p:
      break;
  }
  return 1;
}

std::string_view name(ScheduleKind kind) {
  return definition(kind).name;
}

std::optional<ScheduleKind> schedule_kind(std::string_view name) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    if (definition(kind).name == name) {
      return kind;
    }
  }
  return {};
}

const std::vector<ScheduleKind>& all_schedule_kinds() {
  static const std::vector<ScheduleKind> kKinds = {ScheduleKind::kGpipe,
                                                   ScheduleKind::k1F1B,
                                                   ScheduleKind::kInterleaved1F1B,
                                                   ScheduleKind::kZb1p,
                                                   ScheduleKind::kDualPipe,
                                                   ScheduleKind::kDualPipeV};
  return kKinds;
}

std::optional<std::string> schedule_problem(ScheduleKind kind, const ScheduleSize& size) {
  const Definition& schedule = definition(kind);
  if (auto problem = at_least_one(schedule.title, "pipeline rank", size.ranks)) {
    return problem;
  }
  if (auto problem = at_least_one(schedule.title, "micro-batch", size.micro_batches)) {
    return problem;
  }
  if (kind != ScheduleKind::kInterleaved1F1B && size.interleave != 1) {
    return fmt::format(
        "{} does not interleave stages, found an interleave of {}; use 1, or the schedule "
        "interleaved-1f1b",
        schedule.title,
        size.interleave);
  }
  return schedule.problem(size);
}

Schedule make_schedule(ScheduleKind kind, const ScheduleSize& size) {
  const auto problem = schedule_problem(kind, size);
  check(!problem, problem.value_or("the schedule can be built"));
  return definition(kind).make(size);
}

}  // namespace towtank
