// Experts in slots of ranks, and what the ranks receive.
#include "sim/plan/expert_placement.hpp"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using testing::ElementsAre;

TEST(PlaceInOrder, PutsNeighbouringExpertsTogetherAndRepeatsFromTheFirst) {
  EXPECT_THAT(place_in_order(6, 0, 3).expert_of_slot, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(place_in_order(6, 3, 3).expert_of_slot, ElementsAre(0, 1, 2, 3, 4, 5, 0, 1, 2));
  EXPECT_THAT(place_in_order(6, 3, 3).on(1), ElementsAre(3, 4, 5));
}

TEST(Placement, DividesAnExpertsLoadAmongItsReplicas) {
  const ExpertPlacement placement = {.ranks = 3, .expert_of_slot = {0, 1, 0, 2, 0, 0}};
  EXPECT_THAT(replicas(placement, 3), ElementsAre(4, 1, 1));
  EXPECT_THAT(rank_loads(placement, std::vector<double>{4, 7, 5}), ElementsAre(8, 6, 2));
  EXPECT_THAT(part_on(placement, 3, 0, 1), ElementsAre(0.25, 1.0, 0.0));
  EXPECT_THAT(part_on(placement, 3, 1, 2), ElementsAre(0.75, 0.0, 1.0));
  EXPECT_THAT(part_on(placement, 3, 0, 3), ElementsAre(1.0, 1.0, 1.0));
}

TEST(Placement, LosesNoLoad) {
  const ExpertPlacement placement = place_in_order(10, 14, 8);
  std::vector<double> load(10);
  std::iota(load.begin(), load.end(), 1.0);
  const std::vector<double> loads = rank_loads(placement, load);
  EXPECT_DOUBLE_EQ(std::accumulate(loads.begin(), loads.end(), 0.0), 55.0);
  EXPECT_THAT(sums_of(loads, 8), ElementsAre(testing::DoubleEq(55.0)));
}

TEST(PeakOverMean, ComparesTheGreatestWithTheMean) {
  EXPECT_DOUBLE_EQ(peak_over_mean(std::vector<double>{1, 3, 2, 2}), 1.5);
  EXPECT_DOUBLE_EQ(peak_over_mean(std::vector<double>{0, 0}), 1.0);
}

TEST(SlotProblem, NamesARedundancyThatFillsTheRanks) {
  EXPECT_FALSE(slot_problem(256, 0, 64));
  EXPECT_FALSE(slot_problem(256, 64, 320));
  const auto uneven = slot_problem(256, 0, 320);
  ASSERT_TRUE(uneven);
  EXPECT_EQ(uneven->hint, "redundant = 64 would do");
  EXPECT_FALSE(slot_problem(256, 64, 320));
  EXPECT_EQ(slot_problem(256, 33, 64)->hint, "redundant = 64 would do");
}

TEST(SlotProblem, RefusesMoreSlotsThanThereAreExperts) {
  EXPECT_FALSE(slot_problem(4, 4, 2));
  EXPECT_EQ(slot_problem(4, 6, 2)->hint, "redundant = 4 puts every expert on every rank");
}

}  // namespace
}  // namespace towtank
