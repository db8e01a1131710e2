// The schedules against their papers' closed forms. Times are whole seconds, so that sums are exact
// and claims of equality are meant literally.
#include "sim/plan/pipeline_time.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// Chunk times in whole seconds; the full backward is `input` + `weight`.
struct Whole {
  int forward = 1;
  int input = 1;
  int weight = 1;
  int overlapped = 3;

  ChunkTimes times() const {
    return {.forward = forward * second,
            .backward = (input + weight) * second,
            .weight = weight * second,
            .overlapped = overlapped * second};
  }
};

/// One schedule of one size with one set of chunk times.
struct Case {
  ScheduleKind kind;
  ScheduleSize size;
  Whole whole;

  PipelineTime time() const { return pipeline_time(make_schedule(kind, size), whole.times()); }
  Seconds published() const { return published_bubble(kind, size, whole.times()); }
  std::string text() const {
    return fmt::format("{}: {} ranks, {} micro-batches, interleave {}; F {} I {} W {} F&B {}",
                       name(kind),
                       size.ranks,
                       size.micro_batches,
                       size.interleave,
                       whole.forward,
                       whole.input,
                       whole.weight,
                       whole.overlapped);
  }
};

Seconds longest_bubble(const PipelineTime& time) {
  return std::ranges::max(time.bubble);
}

void expect_published_bubble_on_every_rank(const Case& test_case) {
  const std::vector<Seconds> expected(static_cast<std::size_t>(test_case.size.ranks),
                                      test_case.published());
  ASSERT_EQ(test_case.time().bubble, expected) << test_case.text();
}

/// All sizes of a kind up to `ranks`, with up to four micro-batches a rank and a few more.
void for_each_size(ScheduleKind kind,
                   int ranks_limit,
                   const std::function<void(const ScheduleSize&)>& claim) {
  for (int ranks = 1; ranks <= ranks_limit; ++ranks) {
    for (int micro_batches = 1; micro_batches <= 4 * ranks + 3; ++micro_batches) {
      for (int interleave = 1; interleave <= 4; ++interleave) {
        const ScheduleSize size = {ranks, micro_batches, interleave};
        if (!schedule_problem(kind, size)) {
          claim(size);
        }
      }
    }
  }
}

/// Chunk times from 1 to `limit` seconds; an overlapped pair takes as long as its two chunks.
std::vector<Whole> times_without_gain(int limit) {
  std::vector<Whole> all;
  for (int forward = 1; forward <= limit; ++forward) {
    for (int input = 1; input <= limit; ++input) {
      for (int weight = 1; weight <= limit; ++weight) {
        all.push_back({forward, input, weight, forward + input + weight});
      }
    }
  }
  return all;
}

/// The same, with every F&B from the longer of F and B to their sum.
std::vector<Whole> times_with_gain(int limit) {
  std::vector<Whole> all;
  for (const Whole& whole : times_without_gain(limit)) {
    const int at_least = std::max(whole.forward, whole.input + whole.weight);
    for (int both = at_least; both <= whole.overlapped; ++both) {
      all.push_back({whole.forward, whole.input, whole.weight, both});
    }
  }
  return all;
}

class PublishedBubble : public testing::TestWithParam<ScheduleKind> {};

TEST_P(PublishedBubble, IsExactOnEveryRankAtEverySize) {
  for_each_size(GetParam(), 8, [&](const ScheduleSize& size) {
    for (const Whole& whole :
         {Whole{1, 1, 1}, Whole{3, 2, 1}, Whole{1, 4, 3}, Whole{7, 1, 1}, Whole{2, 1, 4}}) {
      expect_published_bubble_on_every_rank({GetParam(), size, whole});
    }
  });
}

INSTANTIATE_TEST_SUITE_P(UnsplitBackward,
                         PublishedBubble,
                         testing::Values(ScheduleKind::kGpipe,
                                         ScheduleKind::k1F1B,
                                         ScheduleKind::kInterleaved1F1B));

TEST(PublishedBubbleZb1p, IsExactOnEveryRankIfWeightGradientsAreTheShortestChunks) {
  for_each_size(ScheduleKind::kZb1p, 8, [](const ScheduleSize& size) {
    for (const Whole& whole : times_without_gain(4)) {
      const bool weight_is_shortest = whole.weight <= std::min(whole.forward, whole.input);
      if (weight_is_shortest && size.micro_batches >= size.ranks) {
        expect_published_bubble_on_every_rank({ScheduleKind::kZb1p, size, whole});
      }
    }
  });
}

TEST(PublishedBubbleZb1p, IsExceededIfWeightGradientsAreLongerOrMicroBatchesFewerThanRanks) {
  for_each_size(ScheduleKind::kZb1p, 6, [](const ScheduleSize& size) {
    for (const Whole& whole : times_without_gain(4)) {
      const bool weight_is_shortest = whole.weight <= std::min(whole.forward, whole.input);
      if (size.ranks > 1 && (!weight_is_shortest || size.micro_batches < size.ranks)) {
        const Case test_case = {ScheduleKind::kZb1p, size, whole};
        ASSERT_GT(longest_bubble(test_case.time()), test_case.published()) << test_case.text();
      }
    }
  });
}

class DualPipes : public testing::TestWithParam<ScheduleKind> {
 protected:
  static int half(const ScheduleSize& size) {
    return GetParam() == ScheduleKind::kDualPipe ? size.ranks / 2 : size.ranks;
  }
  /// Sizes for a wide grid of times: the least number of micro-batches, the next, and many.
  static std::vector<ScheduleSize> some_sizes() {
    std::vector<ScheduleSize> sizes;
    for (const int ranks : {1, 2, 4, 5, 8}) {
      for (const int micro_batches :
           {2 * ranks, 2 * ranks + 1, 2 * ranks + 2, 5 * ranks + 1, 6 * ranks}) {
        const ScheduleSize size = {.ranks = ranks, .micro_batches = micro_batches};
        if (!schedule_problem(GetParam(), size)) {
          sizes.push_back(size);
        }
      }
    }
    return sizes;
  }
  /// Calls `claim` with every one of some_sizes() and a wide grid of times.
  static void for_each_case(const std::function<void(const Case&)>& claim) {
    for (const ScheduleSize& size : some_sizes()) {
      for (const Whole& whole : times_with_gain(4)) {
        claim({GetParam(), size, whole});
      }
    }
  }
};

TEST_P(DualPipes, HaveThePublishedBubbleOnEveryRankIfAllPassesAreEqualAndOverlapGainsNothing) {
  for_each_size(GetParam(), 16, [](const ScheduleSize& size) {
    for (const int unit : {1, 3}) {
      expect_published_bubble_on_every_rank({GetParam(), size, {unit, unit, unit, 3 * unit}});
    }
  });
}

TEST_P(DualPipes, HaveThePublishedBubbleOnEveryRankAlsoIfWeightGradientsAreShorter) {
  for_each_size(GetParam(), 8, [](const ScheduleSize& size) {
    for (const Whole& whole : {Whole{2, 2, 1, 5}, Whole{7, 7, 1, 15}, Whole{7, 7, 6, 20}}) {
      expect_published_bubble_on_every_rank({GetParam(), size, whole});
    }
  });
}

TEST_P(DualPipes, HaveThePublishedBubbleOnTheWorstRankIfForwardAndInputGradientAreEqual) {
  for_each_case([](const Case& test_case) {
    const Whole& whole = test_case.whole;
    if (whole.forward == whole.input && whole.weight <= whole.input) {
      ASSERT_EQ(longest_bubble(test_case.time()), test_case.published()) << test_case.text();
    }
  });
}

TEST_P(DualPipes, StayAtOrBelowThePublishedBubbleIfTheInputGradientIsTheLongestPass) {
  for_each_case([](const Case& test_case) {
    const Whole& whole = test_case.whole;
    if (whole.forward <= whole.input && whole.weight <= whole.input) {
      ASSERT_LE(longest_bubble(test_case.time()), test_case.published()) << test_case.text();
    }
  });
}

TEST_P(DualPipes, ExceedThePublishedBubbleByWhatForwardAndWeightExceedTheInputGradient) {
  for_each_case([](const Case& test_case) {
    const Whole& whole = test_case.whole;
    const int longer =
        std::max(0, whole.forward - whole.input) + std::max(0, whole.weight - whole.input);
    const Seconds bound = test_case.published() + (half(test_case.size) - 1) * longer * second;
    ASSERT_LE(longest_bubble(test_case.time()), bound) << test_case.text();
    if (whole.forward >= whole.input) {
      ASSERT_EQ(longest_bubble(test_case.time()), bound) << test_case.text();
    }
  });
}

TEST_P(DualPipes, HoldTheActivationsOfOneChunkMoreThanThereAreStagesOnEveryRank) {
  for_each_size(GetParam(), 16, [](const ScheduleSize& size) {
    const Case test_case = {GetParam(), size, {}};
    const int stages = 2 * half(size);
    ASSERT_EQ(published_peak_activations(GetParam(), size), stages + 1);
    const std::vector<int> expected(static_cast<std::size_t>(size.ranks), stages + 1);
    ASSERT_EQ(test_case.time().peak_activations, expected) << test_case.text();
  });
}

INSTANTIATE_TEST_SUITE_P(BothEndsAndV,
                         DualPipes,
                         testing::Values(ScheduleKind::kDualPipe, ScheduleKind::kDualPipeV));

/// Checks a claim of the peak on each rank, and that the worst rank has the published one.
void expect_peak_activations(ScheduleKind kind,
                             const std::function<int(const ScheduleSize&, int rank)>& claim) {
  for_each_size(kind, 8, [&](const ScheduleSize& size) {
    const Case test_case = {kind, size, {}};
    const std::vector<int> peaks = test_case.time().peak_activations;
    for (int rank = 0; rank < size.ranks; ++rank) {
      ASSERT_EQ(peaks[static_cast<std::size_t>(rank)], claim(size, rank))
          << test_case.text() << ", rank " << rank;
    }
    ASSERT_EQ(std::ranges::max(peaks), published_peak_activations(kind, size)) << test_case.text();
  });
}

TEST(PeakActivations, OfGpipeAreAllMicroBatches) {
  expect_peak_activations(ScheduleKind::kGpipe,
                          [](const ScheduleSize& size, int) { return size.micro_batches; });
}

TEST(PeakActivations, Of1F1BAreOneForTheRankAndEachLaterOne) {
  expect_peak_activations(ScheduleKind::k1F1B, [](const ScheduleSize& size, int rank) {
    return std::min(size.ranks - rank, size.micro_batches);
  });
}

TEST(PeakActivations, OfInterleaved1F1BAreTheWarmUpAndOneMore) {
  expect_peak_activations(ScheduleKind::kInterleaved1F1B, [](const ScheduleSize& size, int rank) {
    const int warm_up = (size.interleave - 1) * size.ranks + 2 * (size.ranks - 1 - rank);
    return std::min(warm_up + 1, size.interleave * size.micro_batches);
  });
}

TEST(PeakActivations, OfZb1pAreTheSameOnEveryRankAsTheWorstOf1F1B) {
  expect_peak_activations(ScheduleKind::kZb1p, [](const ScheduleSize& size, int) {
    return std::min(size.ranks, size.micro_batches);
  });
}

TEST(PipelineTime, OfOneRankHasNoBubble) {
  const Whole whole = {.forward = 2, .input = 3, .weight = 1, .overlapped = 5};
  for (const ScheduleKind kind : all_schedule_kinds()) {
    const int interleave = kind == ScheduleKind::kInterleaved1F1B ? 3 : 1;
    const Case test_case = {kind, {1, 6, interleave}, whole};
    if (kind != ScheduleKind::kDualPipe) {
      EXPECT_EQ(longest_bubble(test_case.time()), Seconds{}) << test_case.text();
    }
  }
}

TEST(PipelineTime, OfTheLeastDualPipeIsAsWorkedByHand) {
  // Both ranks: F0 0-1, F1 1-2, F0 2-3, B1 3-5, F1&B0 5-8, B1 8-10, B0 input 10-11, W 11-12.
  const Case test_case = {ScheduleKind::kDualPipe, {.ranks = 2, .micro_batches = 4}, {1, 1, 1, 3}};
  EXPECT_EQ(test_case.time().makespan, 12 * second);
  // Were F&B a second shorter, so would be the step; and the ranks would still never wait.
  const Case shorter = {ScheduleKind::kDualPipe, {.ranks = 2, .micro_batches = 4}, {1, 1, 1, 2}};
  EXPECT_EQ(shorter.time().makespan, 11 * second);
  EXPECT_EQ(shorter.time().bubble, (std::vector{Seconds{}, Seconds{}}));
}

TEST(PipelineTime, AddsUpWorkAndWaiting) {
  // Two ranks, one micro-batch: rank 0 works 0-2 and 7-10, rank 1 works 2-7.
  const Case test_case = {ScheduleKind::k1F1B, {.ranks = 2, .micro_batches = 1}, {2, 2, 1}};
  const PipelineTime time = test_case.time();
  EXPECT_EQ(time.makespan, 10 * second);
  EXPECT_EQ(time.busy, (std::vector{5 * second, 5 * second}));
  EXPECT_EQ(time.bubble, (std::vector{5 * second, 5 * second}));
}

Chunk forward(int stage, int micro_batch) {
  return {.pass = Pass::kForward, .stage = stage, .micro_batch = micro_batch};
}

Chunk backward(int stage, int micro_batch) {
  return {.pass = Pass::kBackward, .stage = stage, .micro_batch = micro_batch};
}

TEST(PipelineTime, LetsAnOverlappedPairWaitForTheGradient) {
  // Rank 0: F 0-1; F&B waits for rank 1's B, 4-8; B waits for rank 1's second B, 11-13.
  // Rank 1: F 1-2, B 2-4; F waits for the end of F&B, 8-9, B 9-11.
  const Schedule schedule = {
      .stages = 2,
      .micro_batches = 2,
      .programs = {{{forward(0, 0)}, {forward(0, 1), backward(0, 0)}, {backward(0, 1)}},
                   {{forward(1, 0)}, {backward(1, 0)}, {forward(1, 1)}, {backward(1, 1)}}}};
  const PipelineTime time = pipeline_time(schedule, Whole{1, 1, 1, 4}.times());
  EXPECT_EQ(time.makespan, 13 * second);
  EXPECT_EQ(time.bubble, (std::vector{6 * second, 7 * second}));
  EXPECT_EQ(time.peak_activations, (std::vector{2, 1}));
}

TEST(PipelineTime, LetsAnOverlappedPairWaitForTheActivation) {
  // Rank 0: F 0-1, F 1-2, B 4-6, F 6-7, B waits for rank 1's F&B, 11-13, B 13-15.
  // Rank 1: F 1-2, B 2-4, F 4-5; F&B waits for rank 0's third F, 7-11, B 11-13.
  const Schedule schedule = {.stages = 2,
                             .micro_batches = 3,
                             .programs = {{{forward(0, 0)},
                                           {forward(0, 1)},
                                           {backward(0, 0)},
                                           {forward(0, 2)},
                                           {backward(0, 1)},
                                           {backward(0, 2)}},
                                          {{forward(1, 0)},
                                           {backward(1, 0)},
                                           {forward(1, 1)},
                                           {forward(1, 2), backward(1, 1)},
                                           {backward(1, 2)}}}};
  const PipelineTime time = pipeline_time(schedule, Whole{1, 1, 1, 4}.times());
  EXPECT_EQ(time.makespan, 15 * second);
  EXPECT_EQ(time.bubble, (std::vector{6 * second, 5 * second}));
}

TEST(PipelineTime, RefusesAScheduleThatWaitsForItself) {
  Schedule schedule = make_schedule(ScheduleKind::k1F1B, {.ranks = 2, .micro_batches = 2});
  std::ranges::reverse(schedule.programs[1]);
  EXPECT_THROW(pipeline_time(schedule, Whole{}.times()), BrokenClaim);
}

}  // namespace
}  // namespace towtank
