#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/network_json.hpp"
#include "reports/network_text.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

NetworkReport small_report() {
  return {.cluster = "two nodes",
          .gpu = "h100-sxm",
          .ranks = 16,
          .nodes = 2,
          .tables = {{.collective = "all-reduce",
                      .rows = {{.bytes = 64 * MiB,
                                .time = 500 * microsecond,
                                .error = 0.1,
                                .algorithm_bandwidth = 134.2 * GB / second,
                                .bus_bandwidth = 251.7 * GB / second,
                                .algorithm = "in-switch-tree",
                                .protocol = "simple",
                                .limit = "NIC"}}}},
          .sources = {"measured somewhere"}};
}

TEST(NetworkText, HasARowForEachSize) {
  const std::string text = network_text(small_report(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("two nodes: 16 ranks on 2 nodes, h100-sxm\n"));
  EXPECT_THAT(text,
              HasSubstr("64.0 MiB  500 us  10.0%      134.20      251.70  in-switch-tree  simple  "
                        "  NIC\n"));
  EXPECT_THAT(text, HasSubstr("costs: measured somewhere\n"));
}

NetworkReport simulated_report() {
  NetworkReport report = small_report();
  report.groups = 4;
  report.stride = 8;
  report.tables[0].rows[0].limit = "leaf up";
  report.tables[0].rows[0].simulation = NetworkSimulation{.wire = "leaf up",
                                                          .gpu = -1,
                                                          .alike = 8,
                                                          .busy = 0.958,
                                                          .latency = 20 * microsecond,
                                                          .alone = 250 * microsecond,
                                                          .gpus = 64,
                                                          .classes = 3,
                                                          .flows = 12};
  return report;
}

TEST(NetworkText, SaysWhichWireLimitsAndHowMuchWasSimulated) {
  const std::string text = network_text(simulated_report(), Colour::kNever);
  EXPECT_THAT(text, HasSubstr("4 groups of 16 ranks, 8 GPUs apart, on 2 nodes"));
  EXPECT_THAT(text, HasSubstr("64.0 MiB  500 us     2.00  10.0%"));
  EXPECT_THAT(text, HasSubstr("leaf up     95.8%\n"));
  EXPECT_THAT(text, HasSubstr("simulated: 3 classes stand for 64 GPUs\n"));
}

TEST(NetworkJson, HasTheSimulationWhereThereIsOne) {
  const auto object = nlohmann::json::parse(network_json(simulated_report()));
  EXPECT_EQ(object.at("groups"), 4);
  const auto& row = object.at("collectives").at(0).at("rows").at(0);
  EXPECT_EQ(row.at("simulation").at("wire"), "leaf up");
  EXPECT_TRUE(row.at("simulation").at("gpu").is_null());
  EXPECT_EQ(row.at("simulation").at("classes"), 3);
  EXPECT_DOUBLE_EQ(row.at("simulation").at("alone_seconds"), 2.5e-4);
  const auto closed = nlohmann::json::parse(network_json(small_report()));
  EXPECT_FALSE(closed.at("collectives").at(0).at("rows").at(0).contains("simulation"));
}

TEST(NetworkJson, IsInBaseUnits) {
  const auto object = nlohmann::json::parse(network_json(small_report()));
  EXPECT_EQ(object.at("schema"), "towtank.network/1");
  const auto& row = object.at("collectives").at(0).at("rows").at(0);
  EXPECT_EQ(row.at("bytes"), 64 * 1024 * 1024);
  EXPECT_DOUBLE_EQ(row.at("seconds"), 5e-4);
  EXPECT_DOUBLE_EQ(row.at("busbw"), 251.7e9);
  EXPECT_EQ(row.at("limited_by"), "NIC");
}

}  // namespace
}  // namespace towtank
