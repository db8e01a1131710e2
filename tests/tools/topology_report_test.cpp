// From a fabric to its report and picture.
#include "tools/topology_report.hpp"

#include <set>

#include <gtest/gtest.h>

#include "tests/sim/cluster/fabric_maker.hpp"

namespace towtank {
namespace {

TopologyReport report_of(const Fabric& fabric) {
  return topology_report("a", fabric, summarise(fabric));
}

TEST(TopologyReport, HasTheFiguresOfThePublishedNetworks) {
  for (const PublishedNetwork& network : published_networks()) {
    const Fabric fabric = make_fabric(network.spec, cluster_size(network.nodes, 8));
    const TopologyReport report = report_of(fabric);
    EXPECT_EQ(report.switches, network.switches);
    ASSERT_TRUE(report.cost);
    EXPECT_NEAR(report.cost->per_endpoint / dollar / 1e3,
                network.thousand_dollars,
                0.05 * network.thousand_dollars)
        << network.name;
  }
}

TEST(TopologyDrawing, ShowsOnlyLinksBetweenShownDevicesOfNeighbouringRows) {
  std::mt19937_64 random(41);
  for (int i = 0; i < 60; ++i) {
    const RandomFabric made = random_fabric(random);
    const Fabric fabric = make_fabric(made.spec, made.size);
    const TopologyReport report = report_of(fabric);
    const TopologyDrawing drawing = topology_drawing(fabric, report);
    if (drawing.switches) {
      EXPECT_EQ(drawing.switches->groups.size(), static_cast<std::size_t>(report.switches));
      continue;
    }
    EXPECT_FALSE(drawing.links.empty());
    for (const DrawnLink& link : drawing.links) {
      const auto tier = static_cast<std::size_t>(link.tier);
      ASSERT_LT(tier + 1, drawing.tiers.size());
      const std::string& upper =
          drawing.tiers[tier].shown.at(static_cast<std::size_t>(link.upper)).name;
      const std::string& lower =
          drawing.tiers[tier + 1].shown.at(static_cast<std::size_t>(link.lower)).name;
      const DeviceId from = find_device(fabric, upper, {});
      const DeviceId to = find_device(fabric, lower, {});
      bool joined = false;
      for (int port = 0; port < fabric.ports(from); ++port) {
        joined = joined || fabric.head(fabric.first_link(from) + port) == to;
      }
      EXPECT_TRUE(joined) << upper << " " << lower;
    }
  }
}

TEST(TopologyDrawing, OfLargeNetworksStaysSmall) {
  for (const PublishedNetwork& network : published_networks()) {
    const Fabric fabric = make_fabric(network.spec, cluster_size(network.nodes, 8));
    const TopologyDrawing drawing = topology_drawing(fabric, report_of(fabric));
    std::size_t drawn = drawing.links.size();
    for (const DrawnTier& tier : drawing.tiers) {
      drawn += tier.shown.size();
    }
    if (drawing.switches) {
      drawn += drawing.switches->links.size() + drawing.switches->groups.size();
    }
    EXPECT_LT(drawn, 3000U) << network.name;
    EXPECT_GT(drawn, 100U) << network.name;
  }
}

}  // namespace
}  // namespace towtank
