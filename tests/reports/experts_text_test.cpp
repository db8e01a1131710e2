// The report on experts, for people and for machines.
#include "reports/experts_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/experts_json.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

ExpertLayoutReport layout(const std::string& placement, double peak) {
  return {.placement = placement,
          .in_force = placement == "global",
          .rank_loads = {peak, 2.0 - peak},
          .node_loads = {1.0},
          .rank_peak = peak,
          .drawn_peak = peak + 0.01,
          .drawn_error = 0.001,
          .nodes_per_token = 1.0,
          .ranks_per_token = 1.75,
          .most_replicas = 3,
          .busiest_rows = 12'345.0,
          .nic = {.least = 1.0 * MiB, .mean = 2.0 * MiB, .most = 3.0 * MiB},
          .nvlink = {.least = 5.0 * MiB, .mean = 5.0 * MiB, .most = 5.0 * MiB}};
}

ExpertsReport report() {
  return {.title = "A model",
          .scenario = "model",
          .experts = 8,
          .top_k = 2,
          .load = "Zipf 0.5, seed 1",
          .expert_peak = 2.5,
          .nodes = 1,
          .ranks_per_node = 2,
          .slots_per_rank = 5,
          .redundant = 2,
          .tokens_per_rank = 4096,
          .copy = 1024.0 * byte,
          .drawn_micro_batches = 64,
          .layouts = {layout("static", 1.4), layout("global", 1.05)}};
}

TEST(ExpertsText, SaysHowBusyTheBusiestRankIsBeforeAndAfter) {
  const std::string text = experts_text(report(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("Zipf 0.5, seed 1; the busiest expert gets 2.50x the mean"));
  EXPECT_THAT(text, testing::ContainsRegex("busiest rank +1\\.40x +1\\.05x"));
  EXPECT_THAT(text, testing::ContainsRegex("busiest rank, tokens drawn +1\\.41x +1\\.06x"));
  EXPECT_THAT(text, HasSubstr("global *"));
  EXPECT_THAT(text, HasSubstr("2 on 1 node, 5 slots each, 2 redundant in all"));
}

TEST(ExpertsText, SaysWhereOtherGroupsSitOtherwise) {
  EXPECT_THAT(experts_text(report(), Colour::kNever), testing::Not(HasSubstr("others")));
  ExpertsReport uneven = report();
  uneven.other_groups = {{2, 4}, {4, 2}};
  EXPECT_THAT(experts_text(uneven, Colour::kNever),
              HasSubstr("the first; others sit on 2 + 4 or 4 + 2\n"));
}

// One node sends nothing over NICs; a range of one value is one value.
TEST(ExpertsText, LeavesOutWhatThereIsNot) {
  const std::string text = experts_text(report(), Colour::kNever);
  EXPECT_THAT(text, testing::Not(HasSubstr("NIC")));
  EXPECT_THAT(text, testing::ContainsRegex("NVLink sends +5\\.00 MiB +5\\.00 MiB"));
  ExpertsReport two_nodes = report();
  two_nodes.nodes = 2;
  for (ExpertLayoutReport& each : two_nodes.layouts) {
    each.node_loads = {1.1, 0.9};
  }
  EXPECT_THAT(experts_text(two_nodes, Colour::kNever), HasSubstr("1.00 MiB to 3.00 MiB"));
}

TEST(ExpertsJson, HoldsWhatTheTextShows) {
  const auto json = nlohmann::json::parse(experts_json(report()));
  EXPECT_EQ(json["schema"], "towtank.experts/1");
  EXPECT_EQ(json["copy_bytes"], 1024.0);
  EXPECT_EQ(json["layouts"].size(), 2U);
  EXPECT_EQ(json["layouts"][1]["rank_peak"], 1.05);
  EXPECT_EQ(json["layouts"][1]["in_force"], true);
  EXPECT_EQ(json["layouts"][0]["rank_loads"], (std::vector<double>{1.4, 2.0 - 1.4}));
  EXPECT_EQ(json["layouts"][0]["nic_sent_bytes"]["most"], 3.0 * 1024 * 1024);
}

}  // namespace
}  // namespace towtank
