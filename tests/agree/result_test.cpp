// What is read off a simulated step adds up to the step.
#include <gtest/gtest.h>

#include "sim/result/critical_path.hpp"
#include "sim/result/phases.hpp"
#include "tests/agree/simulated_step.hpp"

namespace towtank {
namespace {

constexpr double kExact = 1e-9;

TEST(SimulatedStep, HasPhasesThatSumToItOnEveryRank) {
  for (const SmallStep& step : small_steps()) {
    SCOPED_TRACE(step.text());
    const Timeline timeline = simulate_step(step);
    const std::vector<PhaseTimes> phases = phase_times(timeline);
    for (const PhaseTimes& times : phases) {
      EXPECT_NEAR(times.sum().si(), timeline.end.si(), kExact * timeline.end.si());
      EXPECT_GE(times.bubble.si(), -kExact);
    }
    EXPECT_NEAR(
        mean_phases(timeline, phases).sum().si(), timeline.end.si(), kExact * timeline.end.si());
  }
}

TEST(SimulatedStep, HasACriticalPathThatSumsToIt) {
  for (const SmallStep& step : small_steps()) {
    SCOPED_TRACE(step.text());
    const Timeline timeline = simulate_step(step);
    Seconds sum;
    for (const CriticalShare& share : critical_path(timeline)) {
      sum += share.time;
    }
    EXPECT_NEAR(sum.si(), timeline.end.si(), kExact * timeline.end.si());
  }
}

// Phases are those of the ranks that a class stands for.
TEST(SimulatedStep, HasTheSamePhasesFoldedAndNot) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    const SmallStep step = small_step(kind, {.pipeline = 2, .data = 8, .expert = 4});
    const Timeline folded = simulate_step(step, Folding::kFolded);
    const Timeline whole = simulate_step(step, Folding::kUnfolded);
    const PhaseTimes a = mean_phases(folded, phase_times(folded));
    const PhaseTimes b = mean_phases(whole, phase_times(whole));
    const double exact = kExact * folded.end.si();
    SCOPED_TRACE(step.text());
    EXPECT_NEAR(a.forward.si(), b.forward.si(), exact);
    EXPECT_NEAR(a.backward.si(), b.backward.si(), exact);
    EXPECT_NEAR(a.weight.si(), b.weight.si(), exact);
    EXPECT_NEAR(a.overlapped.si(), b.overlapped.si(), exact);
    EXPECT_NEAR(a.bubble.si(), b.bubble.si(), exact);
    EXPECT_NEAR(a.optimizer.si(), b.optimizer.si(), exact);
    EXPECT_NEAR(a.exposed_communication.si(), b.exposed_communication.si(), exact);
  }
}

// Under contention more bandwidth is not always faster; where chunks do not overlap, it is.
TEST(SimulatedStep, IsNeverSlowerWithTwiceTheNetwork) {
  for (const ScheduleKind kind : {ScheduleKind::kGpipe, ScheduleKind::k1F1B}) {
    for (const Degrees& mesh : {Degrees{.pipeline = 2, .data = 8, .expert = 8},
                                Degrees{.pipeline = 2, .data = 16, .expert = 16},
                                Degrees{.pipeline = 4, .data = 8, .expert = 4}}) {
      for (const bool blocking : {false, true}) {
        SmallStep step = small_step(kind, mesh);
        step.plan.blocking_pipeline = blocking;
        const Seconds before = simulate_step(step).end;
        step.cluster.nic.bandwidth *= 2.0;
        EXPECT_LT(simulate_step(step).end, before) << step.text();
      }
    }
  }
}

}  // namespace
}  // namespace towtank
