// What every pipeline schedule promises, and the orders the papers draw.
#include "sim/plan/schedule.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using Place = std::tuple<int, int, int>;  // direction, stage, micro-batch

Place place(const Chunk& chunk) {
  return {chunk.direction, chunk.stage, chunk.micro_batch};
}

std::vector<Chunk> chunks(const Program& program) {
  std::vector<Chunk> all;
  for (const Slot& slot : program) {
    all.push_back(slot.chunk);
    if (slot.overlapped) {
      all.push_back(*slot.overlapped);
    }
  }
  return all;
}

/// Every schedule that can be built with up to 9 ranks, 4 micro-batches a rank (and a few more) and
/// 4 stages a rank.
std::vector<Schedule> small_schedules() {
  std::vector<Schedule> schedules;
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (int ranks = 1; ranks <= 9; ++ranks) {
      for (int micro_batches = 1; micro_batches <= 4 * ranks + 3; ++micro_batches) {
        for (int interleave = 1; interleave <= 4; ++interleave) {
          const ScheduleSize size = {ranks, micro_batches, interleave};
          if (!schedule_problem(kind, size)) {
            schedules.push_back(make_schedule(kind, size));
          }
        }
      }
    }
  }
  return schedules;
}

std::string describe(const Schedule& schedule) {
  return fmt::format("{} with {} ranks, {} stages, {} micro-batches",
                     name(schedule.kind),
                     schedule.ranks(),
                     schedule.stages,
                     schedule.micro_batches);
}

/// "F0 F1 B0", micro-batches only; I is an input gradient, "&" joins an overlapped pair.
std::string text(const Program& program) {
  const auto letter = [](const Chunk& chunk) {
    return "FBIW"[static_cast<std::size_t>(chunk.pass)];
  };
  std::string line;
  for (const Slot& slot : program) {
    line +=
        fmt::format("{}{}{}", line.empty() ? "" : " ", letter(slot.chunk), slot.chunk.micro_batch);
    if (slot.overlapped) {
      line += fmt::format("&{}{}", letter(*slot.overlapped), slot.overlapped->micro_batch);
    }
  }
  return line;
}

/// The stages a program visits, slot by slot; of an overlapped pair, the forward's.
std::vector<int> stages_of(const Program& program) {
  std::vector<int> stages;
  for (const Slot& slot : program) {
    stages.push_back(slot.chunk.stage);
  }
  return stages;
}

Program without_direction(Program program) {
  for (Slot& slot : program) {
    slot.chunk.direction = 0;
    if (slot.overlapped) {
      slot.overlapped->direction = 0;
    }
  }
  return program;
}

Program with_directions_swapped(Program program) {
  for (Slot& slot : program) {
    slot.chunk.direction = 1 - slot.chunk.direction;
    if (slot.overlapped) {
      slot.overlapped->direction = 1 - slot.overlapped->direction;
    }
  }
  return program;
}

/// What has been computed so far, without times.
struct Done {
  std::set<Place> forward;
  std::set<Place> gradient;

  bool allows(const Chunk& chunk, int last_stage) const {
    const auto [direction, stage, micro_batch] = place(chunk);
    switch (chunk.pass) {
      case Pass::kForward:
        return stage == 0 || forward.contains({direction, stage - 1, micro_batch});
      case Pass::kWeight:
        return gradient.contains(place(chunk));
      case Pass::kBackward:
      case Pass::kBackwardInput:
        break;
    }
    return forward.contains(place(chunk)) &&
           (stage == last_stage || gradient.contains({direction, stage + 1, micro_batch}));
  }

  void add(const Chunk& chunk) {
    if (chunk.pass == Pass::kForward) {
      forward.insert(place(chunk));
    } else if (chunk.pass != Pass::kWeight) {
      gradient.insert(place(chunk));
    }
  }
};

/// Runs slots until none can; returns how many are left.
std::size_t slots_left_when_stuck(const Schedule& schedule) {
  Done done;
  std::vector<std::size_t> next(schedule.programs.size());
  std::size_t left = 0;
  for (const Program& program : schedule.programs) {
    left += program.size();
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t rank = 0; rank < next.size(); ++rank) {
      const Program& program = schedule.programs[rank];
      if (next[rank] == program.size()) {
        continue;
      }
      const std::vector<Chunk> slot = chunks({program[next[rank]]});
      if (std::ranges::all_of(
              slot, [&](const Chunk& c) { return done.allows(c, schedule.stages - 1); })) {
        std::ranges::for_each(slot, [&](const Chunk& c) { done.add(c); });
        ++next[rank];
        --left;
        moved = true;
      }
    }
  }
  return left;
}

TEST(Schedule, EveryKindIsAmongTheSmallSchedulesTestedBelow) {
  std::map<ScheduleKind, int> found;
  for (const Schedule& schedule : small_schedules()) {
    ++found[schedule.kind];
  }
  for (const ScheduleKind kind : all_schedule_kinds()) {
    EXPECT_GT(found[kind], 20) << name(kind);
  }
}

TEST(Schedule, EveryMicroBatchPassesEveryStageForwardAndBackwardOnce) {
  for (const Schedule& schedule : small_schedules()) {
    std::map<Place, std::map<Pass, int>> passes;
    for (const Program& program : schedule.programs) {
      for (const Chunk& chunk : chunks(program)) {
        ++passes[place(chunk)][chunk.pass];
      }
    }
    const int expected = schedule.stages * schedule.micro_batches;
    ASSERT_EQ(passes.size(), static_cast<std::size_t>(expected)) << describe(schedule);
    for (auto& [where, count] : passes) {
      ASSERT_LT(std::get<0>(where), schedule.directions) << describe(schedule);
      ASSERT_LT(std::get<1>(where), schedule.stages) << describe(schedule);
      ASSERT_LT(std::get<2>(where), schedule.micro_batches_per_direction()) << describe(schedule);
      ASSERT_EQ(count[Pass::kForward], 1) << describe(schedule);
      ASSERT_EQ(count[Pass::kBackward] + count[Pass::kBackwardInput], 1) << describe(schedule);
      ASSERT_EQ(count[Pass::kWeight], count[Pass::kBackwardInput]) << describe(schedule);
    }
  }
}

TEST(Schedule, NoRankWaitsForEver) {
  for (const Schedule& schedule : small_schedules()) {
    ASSERT_EQ(slots_left_when_stuck(schedule), 0U) << describe(schedule);
  }
}

TEST(Schedule, RanksRunOnlyTheStagesTheyHold) {
  for (const Schedule& schedule : small_schedules()) {
    for (int rank = 0; rank < schedule.ranks(); ++rank) {
      std::set<std::pair<int, int>> held;  // stage, direction
      for (const Chunk& chunk : chunks(schedule.programs[static_cast<std::size_t>(rank)])) {
        ASSERT_EQ(rank_of(schedule, chunk.stage, chunk.direction), rank) << describe(schedule);
        held.emplace(chunk.stage, chunk.direction);
      }
      const int interleave = schedule.stages / schedule.ranks();
      ASSERT_EQ(held.size(), static_cast<std::size_t>(stages_per_rank(schedule.kind, interleave)))
          << describe(schedule);
    }
  }
}

TEST(Schedule, StagesTakeMicroBatchesInOrder) {
  for (const Schedule& schedule : small_schedules()) {
    std::map<std::tuple<int, int, bool>, int> next;  // direction, stage, forward
    for (const Program& program : schedule.programs) {
      for (const Chunk& chunk : chunks(program)) {
        if (chunk.pass != Pass::kWeight) {
          const bool forward = chunk.pass == Pass::kForward;
          int& expected = next[{chunk.direction, chunk.stage, forward}];
          ASSERT_EQ(chunk.micro_batch, expected++) << describe(schedule);
        }
      }
    }
  }
}

TEST(Schedule, RanksTakeTheOldestDelayedWeightGradientFirst) {
  for (const Schedule& schedule : small_schedules()) {
    for (const Program& program : schedule.programs) {
      std::vector<Place> delayed;
      std::vector<Place> taken;
      for (const Chunk& chunk : chunks(program)) {
        if (chunk.pass == Pass::kBackwardInput) {
          delayed.push_back(place(chunk));
        } else if (chunk.pass == Pass::kWeight) {
          taken.push_back(place(chunk));
        }
      }
      ASSERT_EQ(taken, delayed) << describe(schedule);
    }
  }
}

TEST(Schedule, OnlyAForwardAndAFullBackwardOverlap) {
  for (const Schedule& schedule : small_schedules()) {
    for (const Program& program : schedule.programs) {
      for (const Slot& slot : program) {
        if (slot.overlapped) {
          ASSERT_EQ(slot.chunk.pass, Pass::kForward) << describe(schedule);
          ASSERT_EQ(slot.overlapped->pass, Pass::kBackward) << describe(schedule);
        }
      }
    }
  }
}

TEST(ScheduleGpipe, RunsAllForwardThenAllBackward) {
  const Schedule schedule = make_schedule(ScheduleKind::kGpipe, {.ranks = 2, .micro_batches = 3});
  EXPECT_EQ(text(schedule.programs[0]), "F0 F1 F2 B0 B1 B2");
  EXPECT_EQ(text(schedule.programs[1]), "F0 F1 F2 B0 B1 B2");
}

TEST(Schedule1F1B, WarmsUpWithOneForwardForEachLaterRank) {
  const Schedule schedule = make_schedule(ScheduleKind::k1F1B, {.ranks = 3, .micro_batches = 4});
  EXPECT_EQ(text(schedule.programs[0]), "F0 F1 F2 B0 F3 B1 B2 B3");
  EXPECT_EQ(text(schedule.programs[1]), "F0 F1 B0 F2 B1 F3 B2 B3");
  EXPECT_EQ(text(schedule.programs[2]), "F0 B0 F1 B1 F2 B2 F3 B3");
}

TEST(ScheduleInterleaved1F1B, RunsGroupsOfMicroBatchesThroughOneModelChunkAfterTheOther) {
  const Schedule schedule = make_schedule(ScheduleKind::kInterleaved1F1B,
                                          {.ranks = 2, .micro_batches = 4, .interleave = 2});
  // Rank 1 holds stages 1 and 3, and warms up with (2 - 1) * 2 chunks, rank 0 with 2 more.
  EXPECT_EQ(text(schedule.programs[1]), "F0 F1 F0 B0 F1 B1 F2 B0 F3 B1 F2 B2 F3 B3 B2 B3");
  EXPECT_EQ(stages_of(schedule.programs[1]),
            (std::vector{1, 1, 3, 3, 3, 3, 1, 1, 1, 1, 3, 3, 3, 3, 1, 1}));
  EXPECT_EQ(text(schedule.programs[0]), "F0 F1 F0 F1 F2 B0 F3 B1 F2 B0 F3 B1 B2 B3 B2 B3");
}

TEST(ScheduleZb1p, DelaysAsManyWeightGradientsAsThereAreEarlierRanks) {
  const Schedule schedule = make_schedule(ScheduleKind::kZb1p, {.ranks = 3, .micro_batches = 4});
  EXPECT_EQ(text(schedule.programs[0]), "F0 F1 F2 I0 W0 F3 I1 W1 I2 W2 I3 W3");
  EXPECT_EQ(text(schedule.programs[1]), "F0 F1 I0 F2 I1 W0 F3 I2 W1 I3 W2 W3");
  EXPECT_EQ(text(schedule.programs[2]), "F0 I0 F1 I1 F2 I2 W0 F3 I3 W1 W2 W3");
}

TEST(ScheduleDualPipe, FollowsTheEightSteps) {
  const Schedule schedule =
      make_schedule(ScheduleKind::kDualPipe, {.ranks = 4, .micro_batches = 8});
  EXPECT_EQ(text(schedule.programs[0]),
            "F0 F1 "        // 1: nF0
            "F2 F0 "        // 2: nF0F1
            "I0 W0 F1 "     // 3: nB1W1F1
            "F3&B1 F2&B0 "  // 4: nF0B1F1B0
            "B2 F3&B1 "     // 5: nB1F1B0
            "B3 I2 "        // 6: nB1B0
            "W2 I3 "        // 7: nWB0
            "W3");          // 8: nW
  EXPECT_EQ(text(schedule.programs[1]),
            "F0 F0 F1 F1 "              // 2: nF0F1
            "F2 B0 F2&B0 F3&B1 F3&B1 "  // 4: nF0B1F1B0, its first pair not overlapped
            "B2 B2 I3 I3 "              // 6: nB1B0
            "W3 W3");                   // 8: nW
  EXPECT_EQ(stages_of(schedule.programs[0]),
            (std::vector{0, 0, 0, 3, 3, 3, 3, 0, 3, 3, 3, 3, 0, 0, 0, 0}));
}

TEST(ScheduleDualPipe, IsTheSameSeenFromEitherEnd) {
  for (const int ranks : {2, 4, 6, 10}) {
    const Schedule schedule =
        make_schedule(ScheduleKind::kDualPipe, {.ranks = ranks, .micro_batches = 2 * ranks + 4});
    for (int rank = 0; rank < ranks; ++rank) {
      const Program& here = schedule.programs[static_cast<std::size_t>(rank)];
      const Program& opposite = schedule.programs[static_cast<std::size_t>(ranks - 1 - rank)];
      EXPECT_EQ(with_directions_swapped(here), opposite) << ranks << " ranks, rank " << rank;
    }
  }
}

TEST(ScheduleDualPipeV, IsTheFirstHalfOfADualPipeOverTwiceTheRanks) {
  for (const int ranks : {1, 2, 3, 8}) {
    const int micro_batches = 2 * ranks + 3;
    const Schedule v =
        make_schedule(ScheduleKind::kDualPipeV, {.ranks = ranks, .micro_batches = micro_batches});
    const Schedule whole = make_schedule(ScheduleKind::kDualPipe,
                                         {.ranks = 2 * ranks, .micro_batches = 2 * micro_batches});
    for (std::size_t rank = 0; rank < v.programs.size(); ++rank) {
      EXPECT_EQ(v.programs[rank], without_direction(whole.programs[rank])) << ranks << " ranks";
    }
  }
}

TEST(ScheduleNames, AreReadBack) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    EXPECT_EQ(schedule_kind(name(kind)), kind);
  }
  EXPECT_EQ(schedule_kind("interleaved-1f1b"), ScheduleKind::kInterleaved1F1B);
  EXPECT_EQ(schedule_kind("DualPipe"), std::nullopt);
}

TEST(ScheduleProblem, NamesTheNumbersAndWhatWouldDo) {
  const auto problem = [](ScheduleKind kind, const ScheduleSize& size) {
    return schedule_problem(kind, size).value_or("none");
  };
  EXPECT_EQ(problem(ScheduleKind::kDualPipe, {.ranks = 15, .micro_batches = 60}),
            "DualPipe needs an even number of pipeline ranks, found 15; use 14 or 16");
  EXPECT_EQ(problem(ScheduleKind::kDualPipe, {.ranks = 1, .micro_batches = 60}),
            "DualPipe needs an even number of pipeline ranks, found 1; use 2");
  EXPECT_EQ(
      problem(ScheduleKind::kDualPipe, {.ranks = 16, .micro_batches = 30}),
      "DualPipe needs at least twice as many micro-batches as pipeline ranks, found 30 for 16 "
      "ranks; use 32 or more");
  EXPECT_EQ(
      problem(ScheduleKind::kDualPipe, {.ranks = 4, .micro_batches = 9}),
      "DualPipe needs an even number of micro-batches, half of them for each direction, found "
      "9; use 8 or 10");
  EXPECT_EQ(problem(ScheduleKind::kDualPipeV, {.ranks = 3, .micro_batches = 5}),
            "DualPipeV needs at least twice as many micro-batches as pipeline ranks, found 5 for 3 "
            "ranks; use 6 or more");
  EXPECT_EQ(
      problem(ScheduleKind::kInterleaved1F1B, {.ranks = 4, .micro_batches = 10, .interleave = 2}),
      "interleaved 1F1B needs micro-batches that divide by its pipeline ranks, found 10 for 4 "
      "ranks; use 8 or 12");
  EXPECT_EQ(
      problem(ScheduleKind::kInterleaved1F1B, {.ranks = 4, .micro_batches = 3, .interleave = 2}),
      "interleaved 1F1B needs micro-batches that divide by its pipeline ranks, found 3 for 4 "
      "ranks; use 4");
  EXPECT_EQ(problem(ScheduleKind::kInterleaved1F1B, {.ranks = 4, .micro_batches = 8}),
            "interleaved 1F1B needs at least 2 stages a rank, found an interleave of 1; use 2 or "
            "more, or the schedule 1f1b");
  EXPECT_EQ(problem(ScheduleKind::kZb1p, {.ranks = 4, .micro_batches = 8, .interleave = 2}),
            "ZB1P does not interleave stages, found an interleave of 2; use 1, or the schedule "
            "interleaved-1f1b");
  EXPECT_EQ(problem(ScheduleKind::k1F1B, {.ranks = 0, .micro_batches = 8}),
            "1F1B needs at least 1 pipeline rank, found 0; use 1 or more");
  EXPECT_EQ(problem(ScheduleKind::kGpipe, {.ranks = 4, .micro_batches = 0}),
            "GPipe needs at least 1 micro-batch, found 0; use 1 or more");
}

TEST(ScheduleProblem, IsAbsentAtTheLeastSizes) {
  EXPECT_FALSE(schedule_problem(ScheduleKind::kGpipe, {.ranks = 5, .micro_batches = 1}));
  EXPECT_FALSE(schedule_problem(ScheduleKind::k1F1B, {.ranks = 5, .micro_batches = 1}));
  EXPECT_FALSE(schedule_problem(ScheduleKind::kZb1p, {.ranks = 5, .micro_batches = 1}));
  EXPECT_FALSE(schedule_problem(ScheduleKind::kInterleaved1F1B,
                                {.ranks = 5, .micro_batches = 5, .interleave = 2}));
  EXPECT_FALSE(schedule_problem(ScheduleKind::kDualPipe, {.ranks = 2, .micro_batches = 4}));
  EXPECT_FALSE(schedule_problem(ScheduleKind::kDualPipeV, {.ranks = 1, .micro_batches = 2}));
}

TEST(ScheduleProblem, StopsAScheduleFromBeingBuilt) {
  EXPECT_THROW(make_schedule(ScheduleKind::kDualPipe, {.ranks = 15, .micro_batches = 60}),
               BrokenClaim);
}

}  // namespace
}  // namespace towtank
