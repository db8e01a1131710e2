// Where jobs are on a cluster, and who runs beside them.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

const std::vector<std::string> kTwice = {
    "cluster.nodes=512", "cluster.fabric={kind = \"fat-tree\", tiers = 3}", "plan.nodes=0-255"};

std::string neighbour(const std::string& nodes, const std::string& file = kH800) {
  return "neighbour=[{scenario = \"" + file + "\", nodes = \"" + nodes + "\"}]";
}

Scenario twice_with(const std::vector<std::string>& more) {
  std::vector<std::string> settings = kTwice;
  settings.insert(settings.end(), more.begin(), more.end());
  return with(settings);
}

/// The messages of the mistakes that reading finds.
std::vector<std::string> mistakes(const std::vector<std::string>& more) {
  std::vector<std::string> messages;
  try {
    twice_with(more);
  } catch (const InputError& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      messages.push_back(diagnostic.message);
    }
  }
  return messages;
}

TEST(Job, HasAllNodesUnlessItSaysWhich) {
  const Scenario scenario = with({});
  EXPECT_EQ(scenario.nodes.size(), 256U);
  EXPECT_FALSE(scenario.cluster.placement);
  EXPECT_TRUE(scenario.neighbours.empty());
}

TEST(Job, IsPlacedOnTheNodesItNames) {
  const Scenario scenario = with({"cluster.nodes=512", "plan.nodes=1-511:2"});
  EXPECT_EQ(scenario.cluster.gpus(), 2048);
  EXPECT_EQ(scenario.plan.data, 128);
  EXPECT_EQ(scenario.whole_cluster.gpus(), 4096);
  EXPECT_EQ(scenario.cluster.placement->fabric_nodes, 512);
  EXPECT_EQ(scenario.cluster.placement->nodes[3], 7);
}

TEST(Job, KeepsTheFaultsOfItsNodes) {
  const Scenario scenario = with({"cluster.nodes=512",
                                  "plan.nodes=256-511",
                                  "cluster.fault=[{gpu = 5, slowdown = 2.0}, {gpu = 2049, nic = "
                                  "0.5}]"});
  ASSERT_EQ(scenario.cluster.faults.size(), 1U);
  EXPECT_EQ(scenario.cluster.faults[0].gpu, 1);
  EXPECT_EQ(scenario.whole_cluster.faults.size(), 2U);
}

TEST(Neighbour, IsAScenarioOfItsOwnOnOtherNodes) {
  const Scenario scenario = twice_with({neighbour("256-511")});
  ASSERT_EQ(scenario.neighbours.size(), 1U);
  EXPECT_EQ(scenario.neighbours[0].name, "deepseek-v3-h800");
  EXPECT_EQ(scenario.neighbours[0].plan.ranks(), 2048);
  EXPECT_EQ(scenario.neighbours[0].nodes.front(), 256);
}

TEST(Neighbour, AppearsAmongTheScenariosValues) {
  std::vector<std::string> found;
  for (const ScenarioEntry& entry : twice_with({neighbour("256-511")}).entries) {
    if (entry.key.ends_with("nodes")) {
      found.push_back(entry.key + " = " + entry.value);
    }
  }
  EXPECT_THAT(found,
              testing::ElementsAre(
                  "cluster.nodes = 512", "neighbour.0.nodes = 256-511", "plan.nodes = 0-255"));
}

TEST(Neighbour, IsRefusedWhereItDoesNotFit) {
  const auto said = [](const std::string& what) {
    return testing::Contains(testing::HasSubstr(what));
  };
  EXPECT_THAT(mistakes({neighbour("255-510")}), said("node 255 has another job already"));
  EXPECT_THAT(mistakes({neighbour("256-300")}), said("45 nodes for a plan that fills 256"));
  EXPECT_THAT(mistakes({neighbour("256-512")}), said("there is no node 512"));
  EXPECT_THAT(mistakes({neighbour("256-511", "none.toml")}), said("there is no scenario"));
  EXPECT_THAT(mistakes({neighbour("256-511", "deepseek-v3-h100.toml")}), said("h100-sxm"));
  EXPECT_THAT(mistakes({neighbour("256-511"), "plan.communication_sms=24"}),
              said("communication_sms"));
  EXPECT_THAT(mistakes({"plan.nodes=some"}), said("no range"));
  EXPECT_THAT(mistakes({neighbour("256-511"), "cluster.fabric.kind=fat-trea"}), said("fat-trea"));
}

TEST(Neighbour, NeedsAFabricToShare) {
  try {
    with({"cluster.nodes=512", "plan.nodes=0-255", neighbour("256-511")});
    FAIL() << "jobs on a non-blocking network share nothing";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("share no wires"));
  }
}

TEST(Neighbour, HasNoNeighboursItself) {
  const TemporaryFolder folder;
  const std::string self = folder.write("self.toml", "base = \"" + shipped(kH800) + R"("
[cluster]
fabric = {kind = "fat-tree"}
[[neighbour]]
scenario = "self.toml"
nodes = "0"
)");
  try {
    read_scenario(self, {});
    FAIL() << "a scenario beside itself beside itself";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("neighbours of its own"));
  }
}

}  // namespace
}  // namespace towtank
