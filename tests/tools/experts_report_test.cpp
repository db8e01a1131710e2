// What a scenario's expert load does to its ranks.
#include "tools/experts_report.hpp"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// 4,096 tokens of 64 ranks to 8 experts each, evenly: every rank gets 8 x 4,096 rows.
TEST(ExpertsReport, OfUniformLoadsIsEven) {
  const ExpertsReport report = report_experts(with({}), {});
  ASSERT_EQ(report.layouts.size(), 2U);
  EXPECT_EQ(report.nodes, 8);
  EXPECT_EQ(report.slots_per_rank, 4);
  for (const ExpertLayoutReport& layout : report.layouts) {
    EXPECT_NEAR(layout.rank_peak, 1.0, 1e-9);
    EXPECT_NEAR(layout.busiest_rows, 8.0 * 4096.0, 1e-4);
    EXPECT_NEAR(layout.nodes_per_token, 3.63, 0.01);
    EXPECT_NEAR(layout.nic.most / layout.nic.least, 1.0, 1e-9);
    EXPECT_GT(layout.drawn_peak, 1.0);
    EXPECT_LT(layout.drawn_peak, 1.03);
  }
  EXPECT_TRUE(report.layouts.front().in_force);
}

TEST(ExpertsReport, ShowsWhatTheBalancerGains) {
  const ExpertsReport report = report_experts(
      with({}),
      {.load = ZipfLoad{.exponent = 0.8}, .placement = PlacementPolicy::kGlobal, .redundant = 64});
  const ExpertLayoutReport& before = report.layouts[0];
  const ExpertLayoutReport& after = report.layouts[1];
  EXPECT_EQ(after.placement, "global");
  EXPECT_TRUE(after.in_force);
  EXPECT_GT(before.rank_peak, 3.0);
  EXPECT_LT(after.rank_peak, 1.01);
  EXPECT_NEAR(sum(before.rank_loads), 64.0, 1e-9);
  EXPECT_NEAR(sum(after.node_loads), 8.0, 1e-9);
  EXPECT_NEAR(before.busiest_rows / after.busiest_rows, before.rank_peak / after.rank_peak, 1e-9);
  EXPECT_LT(after.nic_received.most, before.nic_received.most);
}

// Groups of 6 on nodes of 8: the first is on one node, the others on two.
TEST(ExpertsReport, SaysHowOtherGroupsSit) {
  const Scenario scenario = with({"cluster.nodes=3",
                                  "model.moe.experts=24",

                                  "plan.pipeline=1",
                                  "plan.expert=6",
                                  "plan.schedule=1f1b",
                                  "training.batch=15360",
                                  "training.extension=[]"});
  const ExpertsReport report = report_experts(scenario, {});
  EXPECT_EQ(report.nodes, 1);
  EXPECT_EQ(report.other_groups, (std::vector<std::vector<int>>{{2, 4}, {4, 2}}));
  EXPECT_EQ(report.layouts[1].placement, "global") << "hierarchical is refused to the others";
  const auto problem = problem_of_experts(scenario, {.placement = PlacementPolicy::kHierarchical});
  ASSERT_TRUE(problem.has_value());
  EXPECT_THAT(problem->message, testing::HasSubstr("has 2 and 4 ranks on its nodes"));
  EXPECT_TRUE(report_experts(with({}), {}).other_groups.empty());
}

}  // namespace
}  // namespace towtank
