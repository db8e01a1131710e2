// A network's report as text, JSON and picture.
#include "reports/topology_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace towtank {
namespace {

TopologyReport small_report() {
  TopologyReport report;
  report.name = "a <small> one";
  report.kind = "fat-tree";
  report.node = "hgx";
  report.routing = "ecmp";
  report.rules = {"shortest", "d-mod-k", "ecmp", "adaptive"};
  report.nodes = 2;
  report.gpus_per_node = 8;
  report.radix = 16;
  report.endpoints = 16;
  report.switches = 3;
  report.inter_switch_links = 16;
  report.devices = {{.kind = "leaf", .count = 2, .most_ports = 16}};
  report.links = {{.from = "leaf", .to = "spine", .count = 15, .bandwidth = 50 * GB / second},
                  {.from = "leaf", .to = "spine", .count = 1, .health = 0.0}};
  report.ratios = {{.tier = "leaf", .stated = 1.0, .worst = 1.25}};
  report.bisection = 400 * GB / second;
  report.bisection_share = 1.0;
  report.bisection_method = "formula";
  report.diameter = 4;
  report.mean_hops = 3.07;
  report.cost = {
      .total = Dollars(70000.0), .per_endpoint = Dollars(4375.0), .source = "somebody, 2024"};
  report.drawing.tiers = {
      {.kind = "spine", .count = 1, .shown = {{.name = "spine0"}}},
      {.kind = "leaf",
       .count = 2,
       .shown = {{.name = "leaf0", .gap_after = true}, {.name = "leaf1"}}},
      {.kind = "nic", .count = 16, .shown = {{.name = "node0.nic0"}, {.name = "node1.nic0"}}}};
  report.drawing.links = {{.tier = 0, .upper = 0, .lower = 0},
                          {.tier = 0, .upper = 0, .lower = 1, .health = 0.5},
                          {.tier = 1, .upper = 0, .lower = 0},
                          {.tier = 1, .upper = 1, .lower = 1}};
  report.drawing.nodes = {{.name = "node0"}, {.name = "node1"}};
  report.drawing.gpus_per_node = 8;
  report.drawing.nics_per_node = 1;
  return report;
}

TopologyReport checked_report(bool holds) {
  TopologyReport report = small_report();
  report.verdict = TopologyVerdict{
      .claims = {{.holds = holds, .text = "the fullest switch uses 16 of 16 ports"}},
      .patterns = {{.name = "all to all",
                    .busiest = {16.0, 1.0, 3.0, 1.5},
                    .links = {"a", "b", "c", "d"},
                    .remarks = {"", "", "by 3 of 15 shifts", ""}}},
      .holds = holds};
  return report;
}

TEST(TopologyText, SaysWhatTheNetworkIsMadeOf) {
  const std::string text = topology_text(small_report(), Colour::kNever);
  EXPECT_THAT(text, testing::HasSubstr("a <small> one: 16 GPUs in 2 nodes, fat-tree network"));
  EXPECT_THAT(text, testing::ContainsRegex("bisection +400 GB/s  each way, 100% of what half"));
  EXPECT_THAT(text, testing::ContainsRegex("leaf down : up +1.25  1.00 stated"));
  EXPECT_THAT(text, testing::ContainsRegex("leaf - spine +1 +1 +- +-  failed"));
  EXPECT_THAT(text, testing::ContainsRegex("per endpoint +\\$4,375"));
  EXPECT_THAT(text, testing::HasSubstr("somebody, 2024"));
}

TEST(TopologyText, MarksWhatIsABoundOnly) {
  TopologyReport report = small_report();
  report.bisection_exact = false;
  report.hops_complete = false;
  const std::string text = topology_text(report, Colour::kNever);
  EXPECT_THAT(text, testing::HasSubstr("<= 400 GB/s"));
  EXPECT_THAT(text, testing::HasSubstr(">= 4 links"));
}

TEST(TopologyCheckText, ShowsCollisionsAgainstTheFairLoad) {
  const std::string text = topology_check_text(checked_report(true), Colour::kNever);
  EXPECT_THAT(text, testing::ContainsRegex("all to all +16.00 +1.00 +3.00 +1.50 +2.00"));
  EXPECT_THAT(text, testing::HasSubstr("all to all, ecmp: by 3 of 15 shifts"));
  EXPECT_THAT(text, testing::HasSubstr("The network is what it says."));
}

TEST(TopologyCheckText, SaysWhatDoesNotHold) {
  const std::string text = topology_check_text(checked_report(false), Colour::kNever);
  EXPECT_THAT(text, testing::HasSubstr("WRONG  the fullest switch"));
  EXPECT_THAT(text, testing::HasSubstr("is not what it says"));
}

TEST(TopologyJson, HoldsTheFiguresInBaseUnits) {
  const auto json = nlohmann::json::parse(topology_json(checked_report(false)));
  EXPECT_EQ(json["schema"], "towtank.topology/1");
  EXPECT_EQ(json["bisection"]["bytes_per_second"], 400e9);
  EXPECT_EQ(json["links"][1]["health"], 0.0);
  EXPECT_EQ(json["cost"]["dollars_per_endpoint"], 4375.0);
  EXPECT_EQ(json["check"]["holds"], false);
  EXPECT_EQ(json["check"]["loads"][0]["rules"]["ecmp"]["busiest"], 3.0);
}

/// Every tag is closed, and text is escaped.
void expect_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (std::size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const std::size_t end = svg.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = svg.substr(at + 1, end - at - 1);
    ASSERT_EQ(tag.find('<'), std::string::npos) << tag;
    if (tag.starts_with("/")) {
      ASSERT_FALSE(open.empty()) << tag;
      ASSERT_EQ(tag.substr(1), open.back());
      open.pop_back();
    } else if (!tag.ends_with("/")) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  EXPECT_TRUE(open.empty());
}

std::ptrdiff_t count_of(const std::string& text, const std::string& part) {
  std::ptrdiff_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(TopologySvg, DrawsEveryDeviceAndLinkThatIsShown) {
  const std::string svg = topology_svg(small_report());
  expect_well_formed(svg);
  EXPECT_EQ(count_of(svg, "<line"), 4);
  // Switches, nodes, GPUs and cards, on a background.
  EXPECT_EQ(count_of(svg, "<rect"), 3 + 2 + 16 + 2 + 1);
  EXPECT_THAT(svg, testing::HasSubstr("a &lt;small&gt; one"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(TopologySvg, DrawsNetworksWithoutTiersAsCirclesAndGrids) {
  TopologyReport report = small_report();
  report.drawing.switches =
      DrawnSwitches{.groups = {0, 0, 1, 1, 2, 2}, .links = {{0, 1}, {1, 2}, {4, 5}}};
  for (const std::vector<int>& grid : std::vector<std::vector<int>>{{}, {6}, {2, 3}, {1, 2, 3}}) {
    report.drawing.switches->grid = grid;
    const std::string svg = topology_svg(report);
    expect_well_formed(svg);
    EXPECT_EQ(count_of(svg, "<circle"), 6);
    EXPECT_EQ(count_of(svg, "<line"), 3);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

}  // namespace
}  // namespace towtank
