#include "sim/scenario/cluster_file.hpp"

#include <string>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

const std::string kScenarios = TOWTANK_SOURCE_DIR "/scenarios";

TEST(ClusterFile, ReadsTheClusterOfAScenarioAndAClusterAlike) {
  const Cluster of_scenario = read_cluster_file(kScenarios + "/deepseek-v3-h100.toml", {});
  const Cluster itself = read_cluster_file(kScenarios + "/clusters/h100-2048.toml", {});
  EXPECT_EQ(of_scenario.name, itself.name);
  EXPECT_EQ(of_scenario.gpus(), 2048);
  EXPECT_EQ(itself.gpus(), 2048);
  EXPECT_EQ(itself.gpu, "h100-sxm");
  EXPECT_EQ(itself.nic.bandwidth, 50 * GB / second);
}

TEST(ClusterFile, TakesOverrides) {
  const Cluster cluster = read_cluster_file(kScenarios + "/clusters/h100-2048.toml",
                                            {{.key = "cluster.nodes", .value = "3"}});
  EXPECT_EQ(cluster.gpus(), 24);
}

TEST(ClusterFile, ReportsItsMistakes) {
  EXPECT_THROW(read_cluster_file(kScenarios + "/clusters/h100-2048.toml",
                                 {{.key = "cluster.nodes", .value = "0"}}),
               InputError);
  EXPECT_THROW(read_cluster_file(kScenarios + "/no-such.toml", {}), EnvironmentError);
}

}  // namespace
}  // namespace towtank
