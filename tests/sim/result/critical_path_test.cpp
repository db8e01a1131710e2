// What the step's end waited for, and how errors reach it.
#include "sim/result/critical_path.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/sim/result/timeline_maker.hpp"

namespace towtank {
namespace {

/// Rank 0 computes for 4 s, sends for 1 s, rank 1 computes for 5 s. Beside it rank 0 computes for
/// 2 s more, which nothing waits for.
Timeline relay() {
  TimelineMaker maker(2);
  const auto kernels = maker.label({{.cause = "gemm", .fraction = 0.75, .error = 0.1},
                                    {.cause = "memory-bound", .fraction = 0.25, .error = 0.2}});
  const auto link = maker.label({{.cause = "nic point-to-point", .fraction = 1.0, .error = 0.3}});
  const auto other = maker.label({{.cause = "gemm", .fraction = 1.0, .error = 0.5}});
  const auto here = maker.slot(0, Phase::kForward);
  const auto there = maker.slot(1, Phase::kForward);
  const auto first = maker.event(here, StreamKind::kCompute, 4.0, -1, kernels);
  const auto sent = maker.event(here, StreamKind::kNext, 1.0, first, link);
  maker.event(here, StreamKind::kCompute, 2.0, first, other);
  maker.event(there, StreamKind::kCompute, 5.0, sent, other);
  return maker.timeline;
}

TEST(CriticalPath, SumsToTheStep) {
  const Timeline timeline = relay();
  Seconds sum;
  for (const CriticalShare& share : critical_path(timeline)) {
    sum += share.time;
  }
  EXPECT_DOUBLE_EQ(sum.si(), timeline.end.si());
}

TEST(CriticalPath, GathersEachCauseLargestFirst) {
  const std::vector<CriticalShare> shares = critical_path(relay());
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_EQ(shares[0].cause, "gemm");
  EXPECT_DOUBLE_EQ(shares[0].time / second, 0.75 * 4.0 + 5.0);
  EXPECT_DOUBLE_EQ(shares[1].time / second, 1.0);
  EXPECT_DOUBLE_EQ(shares[2].time / second, 1.0);
}

TEST(CriticalPath, ErrorsOfOneCauseAddUp) {
  const CriticalShare gemm = critical_path(relay()).front();
  EXPECT_DOUBLE_EQ(gemm.error * gemm.time.si(), 0.1 * 3.0 + 0.5 * 5.0);
}

TEST(CriticalPath, OfNothingIsEmpty) {
  EXPECT_TRUE(critical_path(Timeline()).empty());
}

TEST(StepError, TakesDifferentCausesAsIndependent) {
  const std::vector<CriticalShare> shares = {{.cause = "gemm", .time = 10.0 * second, .error = 0.3},
                                             {.cause = "nic", .time = 8.0 * second, .error = 0.5}};
  EXPECT_DOUBLE_EQ(error_of(shares).si(), 5.0);
  EXPECT_DOUBLE_EQ(error_of(critical_path(relay())).si(),
                   std::sqrt(2.8 * 2.8 + 0.2 * 0.2 + 0.3 * 0.3));
}

TEST(StepError, OfExactKernelsIsZero) {
  EXPECT_EQ(error_of({{.cause = "gemm", .time = 10.0 * second, .error = 0.0}}).si(), 0.0);
}

}  // namespace
}  // namespace towtank
