// Folding is exact: one rank a class, or all ranks, every event starts and ends at the same time.
#include <cmath>

#include <gtest/gtest.h>

#include "sim/graph/rank_classes.hpp"
#include "tests/agree/simulated_step.hpp"

namespace towtank {
namespace {

constexpr double kExact = 1e-9;  // of the step: flows are whole bytes

/// The stream of a rank that runs its pipeline mirrored, as its class's representative knows it.
StreamKind mirrored(StreamKind stream) {
  switch (stream) {
    case StreamKind::kNext:
      return StreamKind::kPrevious;
    case StreamKind::kPrevious:
      return StreamKind::kNext;
    default:
      return stream;
  }
}

class FoldedStep : public testing::TestWithParam<SmallStep> {
 protected:
  const SmallStep& step() const { return GetParam(); }
  std::string label_of(const Timeline& timeline, const Event& event) const {
    return timeline.labels[static_cast<std::size_t>(event.label)].name;
  }

  void expect_same_events(const std::vector<Event>& a, const std::vector<Event>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(label_of(folded_, a[i]), label_of(whole_, b[i]));
      ASSERT_NEAR(a[i].start, b[i].start, kExact * folded_.end.si());
      ASSERT_NEAR(a[i].end, b[i].end, kExact * folded_.end.si());
    }
  }

  Timeline folded_ = simulate_step(step(), Folding::kFolded);
  Timeline whole_ = simulate_step(step(), Folding::kUnfolded);
  RankClasses classes_ = equitable_partition(
      training_relations(Mesh(step().plan, step().cluster.gpus_per_node), step().schedule()));
};

TEST_P(FoldedStep, HasTheEventsOfEveryRankItStandsFor) {
  SCOPED_TRACE(step().text());
  ASSERT_LT(folded_.ranks.size(), whole_.ranks.size());
  EXPECT_NEAR(folded_.end.si(), whole_.end.si(), kExact * whole_.end.si());
  for (int rank = 0; rank < step().plan.ranks(); ++rank) {
    const int of_rank = classes_.class_of[static_cast<std::size_t>(rank)];
    const bool mirror = whole_.ranks[static_cast<std::size_t>(rank)].pipeline !=
                        folded_.ranks[static_cast<std::size_t>(of_rank)].pipeline;
    for (int kind = 0; kind < kStreamKinds; ++kind) {
      const auto stream = static_cast<StreamKind>(kind);
      SCOPED_TRACE(testing::Message() << "rank " << rank << ", " << name(stream));
      expect_same_events(events_of(folded_, of_rank, stream),
                         events_of(whole_, rank, mirror ? mirrored(stream) : stream));
    }
  }
}

TEST_P(FoldedStep, CarriesTheBytesOfEveryRankItStandsFor) {
  SCOPED_TRACE(step().text());
  for (const LinkUse& use : whole_.links) {
    const int of_rank = classes_.class_of[static_cast<std::size_t>(use.rank)];
    for (const LinkUse& of_class : folded_.links) {
      if (of_class.rank == of_rank && of_class.medium == use.medium) {
        EXPECT_NEAR(of_class.carried.si(), use.carried.si(), kExact * use.carried.si());
      }
    }
  }
}

std::string test_name(const testing::TestParamInfo<SmallStep>& info) {
  const TrainingPlan& plan = info.param.plan;
  std::string schedule(name(plan.schedule));
  std::erase(schedule, '-');
  return fmt::format("{}_pipeline{}_data{}_expert{}_context{}",
                     schedule,
                     plan.pipeline,
                     plan.data,
                     plan.expert,
                     plan.context);
}

INSTANTIATE_TEST_SUITE_P(Schedules, FoldedStep, testing::ValuesIn(small_steps()), test_name);

}  // namespace
}  // namespace towtank
