#include "sim/scenario/cluster_file.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

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

TEST(ClusterFile, RefusesOverridesThatSetNothingOfIt) {
  for (const std::string key : {"fabric.pcie.generation", "gpus", "foo.bar"}) {
    const std::vector<Override> wrong = {{.key = key, .value = "1"}};
    EXPECT_NO_THROW(read_cluster_file(kScenarios + "/deepseek-v3-h100.toml", wrong));
    try {
      read_cluster_file(kScenarios + "/clusters/h100-2048.toml", wrong);
      ADD_FAILURE() << key;
    } catch (const InputError& error) {
      ASSERT_EQ(error.diagnostics().size(), 1U);
      EXPECT_EQ(error.diagnostics()[0].hint, "--set cluster." + key + "=1");
    }
  }
}

TEST(ClusterFile, CountsGpusInsteadOfNodes) {
  TemporaryFolder folder;
  std::string text = content(kScenarios + "/clusters/h800-2048.toml");
  const std::size_t nodes = text.find("nodes = ");
  text.replace(nodes, text.find('\n', nodes) - nodes, "gpus = 20");
  const Cluster cluster = read_cluster_file(folder.write("ragged.toml", text), {});
  EXPECT_EQ(cluster.nodes, 3);
  EXPECT_EQ(cluster.gpus(), 20);
}

TEST(ClusterFile, CountsTheNvlinksThatAreLeft) {
  const auto fault = [](const std::string& cluster, const std::string& text) {
    return read_cluster_file(kScenarios + "/clusters/" + cluster,
                             {{.key = "cluster.fault", .value = "[{gpu = 3, " + text + "}]"}})
        .faults.at(0)
        .nvlink;
  };
  EXPECT_DOUBLE_EQ(fault("h100-2048.toml", "nvlinks_failed = 1"), 17.0 / 18.0);
  EXPECT_DOUBLE_EQ(fault("h800-2048.toml", "nvlinks_failed = 2"), 6.0 / 8.0);
  EXPECT_THROW(fault("h800-2048.toml", "nvlinks_failed = 8"), InputError) << "none is left";
  EXPECT_THROW(fault("h800-2048.toml", "nvlinks_failed = 1, nvlink = 0.5"), InputError);
  TemporaryFolder folder;
  std::string text = content(kScenarios + "/clusters/h800-2048.toml");
  const std::size_t links = text.find("links = ");
  text.erase(links, text.find('\n', links) - links);
  const std::string unknown = folder.write("unknown.toml", text);
  EXPECT_NO_THROW(read_cluster_file(unknown, {}));
  EXPECT_THROW(read_cluster_file(
                   unknown, {{.key = "cluster.fault", .value = "[{gpu = 3, nvlinks_failed = 1}]"}}),
               InputError);
}

TEST(ClusterFile, ReportsItsMistakes) {
  EXPECT_THROW(read_cluster_file(kScenarios + "/clusters/h100-2048.toml",
                                 {{.key = "cluster.nodes", .value = "0"}}),
               InputError);
  EXPECT_THROW(read_cluster_file(kScenarios + "/no-such.toml", {}), EnvironmentError);
}

}  // namespace
}  // namespace towtank
