// Where a step's time goes, on timelines small enough to add up by hand.
#include "sim/result/phases.hpp"

#include <gtest/gtest.h>

#include "tests/sim/result/timeline_maker.hpp"

namespace towtank {
namespace {

void expect_phases(const PhaseTimes& times, const PhaseTimes& expected) {
  EXPECT_DOUBLE_EQ(times.forward.si(), expected.forward.si());
  EXPECT_DOUBLE_EQ(times.backward.si(), expected.backward.si());
  EXPECT_DOUBLE_EQ(times.weight.si(), expected.weight.si());
  EXPECT_DOUBLE_EQ(times.overlapped.si(), expected.overlapped.si());
  EXPECT_DOUBLE_EQ(times.bubble.si(), expected.bubble.si());
  EXPECT_DOUBLE_EQ(times.optimizer.si(), expected.optimizer.si());
  EXPECT_DOUBLE_EQ(times.exposed_communication.si(), expected.exposed_communication.si());
}

/// Two pipeline ranks. Rank 0: forward 0-3, of which its dispatch 1-2; pipeline send 3-4; weight
/// 3-5; backward 9-11, when rank 1's gradient has come; gradient reduction 11-12, optimizer 12-13.
/// Rank 1: forward 4-6, its combine 6-6.5, backward 6.5-8.5, send 8.5-9.
Timeline two_ranks() {
  TimelineMaker maker(2);
  const auto forward = maker.slot(0, Phase::kForward);
  const auto weight = maker.slot(0, Phase::kWeight);
  const auto backward = maker.slot(0, Phase::kBackward);
  const auto optimizer = maker.slot(0, Phase::kOptimizer, -1);
  const auto next_forward = maker.slot(1, Phase::kForward, 1);
  const auto next_backward = maker.slot(1, Phase::kBackward, 1);
  const auto attention = maker.event(forward, StreamKind::kCompute, 1.0, -1);
  const auto dispatch = maker.event(forward, StreamKind::kExpert, 1.0, attention);
  const auto experts = maker.event(forward, StreamKind::kCompute, 1.0, dispatch);
  const auto sent = maker.event(forward, StreamKind::kNext, 1.0, experts);
  maker.event(weight, StreamKind::kCompute, 2.0, experts);
  const auto next = maker.event(next_forward, StreamKind::kCompute, 2.0, sent);
  const auto combine = maker.event(next_forward, StreamKind::kExpert, 0.5, next);
  const auto turned = maker.event(next_backward, StreamKind::kCompute, 2.0, combine);
  const auto back = maker.event(next_backward, StreamKind::kPrevious, 0.5, turned);
  const auto last = maker.event(backward, StreamKind::kCompute, 2.0, back);
  const auto reduced = maker.event(optimizer, StreamKind::kData, 1.0, last);
  maker.event(optimizer, StreamKind::kCompute, 1.0, reduced);
  return maker.timeline;
}

TEST(Phases, SplitAStepByWhatARankWaitsFor) {
  const std::vector<PhaseTimes> times = phase_times(two_ranks());
  ASSERT_EQ(times.size(), 2u);
  // Rank 0 waits 1 s for its own dispatch and 1 s for the gradients, and from 5 to 9 for rank 1,
  // whose combine is then as good as its compute.
  expect_phases(times[0],
                {.forward = 3.0 * second,
                 .backward = 2.0 * second,
                 .weight = 2.0 * second,
                 .overlapped = Seconds(),
                 .bubble = 4.0 * second,
                 .optimizer = 2.0 * second,
                 .exposed_communication = 2.0 * second});
  // Rank 1 waits from 0 to 4 for rank 0, half a second for its own combine, half a second for its
  // send to leave, and until the step ends.
  expect_phases(times[1],
                {.forward = 2.0 * second,
                 .backward = 2.5 * second,
                 .weight = Seconds(),
                 .overlapped = Seconds(),
                 .bubble = 8.5 * second,
                 .optimizer = Seconds(),
                 .exposed_communication = 0.5 * second});
}

TEST(Phases, SumToTheStep) {
  const Timeline timeline = two_ranks();
  for (const PhaseTimes& times : phase_times(timeline)) {
    EXPECT_DOUBLE_EQ(times.sum().si(), timeline.end.si());
  }
}

TEST(Phases, OfARankThatDidNothingAreBubble) {
  TimelineMaker maker(2);
  maker.event(maker.slot(0, Phase::kForward), StreamKind::kCompute, 4.0, -1);
  const std::vector<PhaseTimes> times = phase_times(maker.timeline);
  EXPECT_EQ(times[1].bubble.si(), 4.0);
  EXPECT_EQ(times[1].sum().si(), 4.0);
}

TEST(Phases, CountCommunicationBesideComputeNotAtAll) {
  TimelineMaker maker(1);
  const auto slot = maker.slot(0, Phase::kOverlapped, 0, 1);
  const auto first = maker.event(slot, StreamKind::kCompute, 1.0, -1);
  const auto hidden = maker.event(slot, StreamKind::kExpert, 1.5, first);
  maker.event(slot, StreamKind::kCompute, 2.0, first);
  const auto late = maker.event(slot, StreamKind::kExpert, 2.0, hidden);  // until 4.5
  maker.event(slot, StreamKind::kCompute, 1.0, late);
  const PhaseTimes times = phase_times(maker.timeline)[0];
  EXPECT_DOUBLE_EQ(times.overlapped / second, 5.5);
  EXPECT_DOUBLE_EQ(times.exposed_communication / second, 1.5);
  EXPECT_DOUBLE_EQ(times.bubble / second, 0.0);
}

TEST(MeanPhases, WeighRanksByTheirMembers) {
  Timeline timeline = two_ranks();
  timeline.ranks[1].members = 3;
  const std::vector<PhaseTimes> times = phase_times(timeline);
  const PhaseTimes mean = mean_phases(timeline, times);
  EXPECT_DOUBLE_EQ(mean.sum().si(), timeline.end.si());
  EXPECT_DOUBLE_EQ(mean.weight / second, 2.0 / 4.0);
  EXPECT_DOUBLE_EQ(mean.bubble.si(), (times[0].bubble.si() + 3.0 * times[1].bubble.si()) / 4.0);
}

TEST(MedianOverlappedSlot, LooksOnlyAtTheStagesAskedFor) {
  TimelineMaker maker(1);
  std::int32_t last = -1;
  for (const double duration : {5.0, 1.0, 3.0}) {
    last =
        maker.event(maker.slot(0, Phase::kOverlapped, 1, 2), StreamKind::kCompute, duration, last);
  }
  last = maker.event(maker.slot(0, Phase::kOverlapped, 0, 1), StreamKind::kCompute, 90.0, last);
  maker.event(maker.slot(0, Phase::kForward, 1), StreamKind::kCompute, 80.0, last);
  EXPECT_EQ(median_overlapped_slot(maker.timeline, {1, 2}).si(), 3.0);
  EXPECT_EQ(median_overlapped_slot(maker.timeline, {0, 1}).si(), 90.0);
  EXPECT_EQ(median_overlapped_slot(maker.timeline, {3}).si(), 0.0);
}

TEST(MedianOverlappedSlot, CountsItsOwnCommunicationButNoBubble) {
  TimelineMaker maker(2);
  const auto sender = maker.event(maker.slot(1, Phase::kForward), StreamKind::kCompute, 7.0, -1);
  const auto slot = maker.slot(0, Phase::kOverlapped, 0, 0);
  const auto begun = maker.event(slot, StreamKind::kCompute, 1.0, sender);
  const auto dispatch = maker.event(slot, StreamKind::kExpert, 2.0, begun);
  maker.event(slot, StreamKind::kCompute, 4.0, dispatch);
  EXPECT_EQ(median_overlapped_slot(maker.timeline, {0}).si(), 7.0);
  EXPECT_EQ(phase_times(maker.timeline)[0].bubble.si(), 7.0);
}

}  // namespace
}  // namespace towtank
