// Fabrics from TOML: what the files mean, and where mistakes are reported.
#include "sim/scenario/fabric_reader.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCluster =
    "name = \"small\"\ngpu = \"h800-sxm\"\nnodes = 16\ngpus_per_node = 8\n"
    "nvlink = {bandwidth = \"200 GB/s\", latency = \"3.33 us\"}\n"
    "nic = {bandwidth = \"400 Gbit/s\", latency = \"3.7 us\"}\n";

class FabricFiles : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / (std::string("towtank-fabric-") + test->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }

  FabricSpec read(const std::string& fabric, const std::vector<Override>& overrides = {}) const {
    return read_fabric_file(write("cluster.toml", kCluster + fabric), overrides).spec;
  }

  std::vector<Diagnostic> mistakes(const std::string& fabric) const {
    try {
      read(fabric);
    } catch (const InputError& error) {
      return error.diagnostics();
    }
    ADD_FAILURE() << "no mistake in\n" << fabric;
    return {};
  }

 private:
  fs::path folder_;
};

TEST_F(FabricFiles, WithoutAFabricAreOneIdealSwitch) {
  EXPECT_EQ(read("").kind, FabricKind::kNonblocking);
}

TEST_F(FabricFiles, GiveEveryKeyItsMeaning) {
  const FabricSpec spec = read(
      "[fabric]\nkind = \"multi-plane\"\nnode = \"hgx\"\ntiers = 3\nradix = 128\n"
      "oversubscription = 2\nspine_oversubscription = 1.5\nplanes = 4\nnics_per_gpu = 2\n"
      "link_bandwidth = \"800 Gbit/s\"\nlink_latency = \"50 ns\"\nswitch_latency = \"0.4 us\"\n"
      "gpu_pcie = {bandwidth = \"128 GB/s\", latency = \"1 us\"}\n"
      "nic_pcie = {bandwidth = \"64 GB/s\"}\nrouting = \"ecmp\"\nseed = 7\n"
      "cross_rail = \"nvlink-first\"\n"
      "prices = {switch_port = 100, card_cable = 10, switch_cable = 20, source = \"me\"}\n"
      "[[fabric.fault]]\ndevice = \"plane0.leaf0\"\nto = \"plane0.spine1\"\nfactor = 0.25\n");
  EXPECT_EQ(spec.kind, FabricKind::kMultiPlane);
  EXPECT_EQ(spec.node, NodeKind::kHgx);
  EXPECT_EQ(spec.tiers, 3);
  EXPECT_EQ(spec.radix, 128);
  EXPECT_EQ(spec.oversubscription, (std::vector<double>{2.0, 1.5}));
  EXPECT_EQ(spec.planes, 4);
  EXPECT_EQ(spec.nics_per_gpu, 2);
  EXPECT_DOUBLE_EQ(spec.link_bandwidth->si(), 100e9);
  EXPECT_DOUBLE_EQ(spec.link_latency.si(), 50e-9);
  EXPECT_DOUBLE_EQ(spec.switch_latency.si(), 0.4e-6);
  EXPECT_DOUBLE_EQ(spec.gpu_pcie.latency.si(), 1e-6);
  EXPECT_DOUBLE_EQ(spec.nic_pcie.bandwidth.si(), 64e9);
  EXPECT_EQ(spec.routing, RoutingRule::kEcmp);
  EXPECT_EQ(spec.seed, 7U);
  EXPECT_EQ(spec.cross_rail, CrossRail::kNvlinkFirst);
  EXPECT_DOUBLE_EQ(spec.prices.switch_cable.si(), 20.0);
  ASSERT_EQ(spec.faults.size(), 1U);
  EXPECT_THAT(spec.faults[0].devices, testing::ElementsAre("plane0.leaf0", "plane0.spine1"));
  EXPECT_EQ(spec.faults[0].factor, 0.25);
}

TEST_F(FabricFiles, DescribeHostsAndSwitchesThatAdd) {
  const FabricSpec spec = read(
      "[fabric]\nkind = \"fat-tree\"\npcie = {generation = 4, gpus_per_switch = 2}\n"
      "in_network = [\"leaf\", \"spine\"]\n");
  ASSERT_TRUE(spec.pcie);
  EXPECT_EQ(spec.pcie->generation, 4);
  EXPECT_EQ(spec.pcie->lanes, 16);
  EXPECT_EQ(spec.pcie->gpus_per_switch, 2);
  EXPECT_EQ(spec.adding_tiers, 2);
  for (const std::string wrong : {"in_network = [\"spine\"]",
                                  "in_network = [\"leaf\", \"core\"]",
                                  "pcie = {generation = 9}",
                                  "pcie = {lanes = 16}",
                                  "pcie = {generation = 4}\ngpu_pcie = {bandwidth = \"1 GB/s\"}",
                                  "node = \"nvl72\"\npcie = {generation = 5}"}) {
    EXPECT_FALSE(mistakes("[fabric]\nkind = \"fat-tree\"\n" + wrong + "\n").empty()) << wrong;
  }
}

TEST_F(FabricFiles, TakeOverridesWithTheKeysOfAScenario) {
  const FabricSpec spec =
      read("[fabric]\nkind = \"fat-tree\"\n", {{.key = "cluster.fabric.radix", .value = "32"}});
  EXPECT_EQ(spec.radix, 32);
}

TEST_F(FabricFiles, AreFoundThroughScenariosAndBases) {
  write("cluster.toml", std::string(kCluster) + "[fabric]\nkind = \"fat-tree\"\nradix = 16\n");
  const std::string scenario =
      write("question.toml", "title = \"x\"\n[cluster]\nbase = \"cluster.toml\"\nnodes = 4\n");
  const FabricFile file = read_fabric_file(scenario, {});
  EXPECT_EQ(file.size.nodes, 4);
  EXPECT_EQ(file.spec.radix, 16);
}

TEST_F(FabricFiles, RefuseKeysThatMeanNothingToTheKind) {
  for (const char* line : {"tiers = 2",
                           "planes = 2",
                           "torus = {sizes = [2]}",
                           "edges = \"a\"",
                           "slim_fly = {q = 5}",
                           "cross_rail = \"spine\""}) {
    const auto found =
        mistakes(std::string("[fabric]\nkind = \"dragonfly\"\n"
                             "dragonfly = {endpoints = 1, switches = 2, global = 1}\n") +
                 line + "\n");
    ASSERT_EQ(found.size(), 1U) << line;
    EXPECT_EQ(found[0].place.line, 10) << line;
    EXPECT_THAT(found[0].message, testing::HasSubstr("means nothing"));
  }
}

TEST_F(FabricFiles, OfAnUnknownKindHaveOneMistakeOnly) {
  EXPECT_EQ(mistakes("[fabric]\nkind = \"fattree\"\ntiers = 2\nplanes = 3\n").size(), 1U);
}

TEST_F(FabricFiles, ReportMistakesAtTheirPlaces) {
  EXPECT_THAT(mistakes("[fabric]\nkind = \"fattree\"\n")[0].hint, testing::HasSubstr("fat-tree"));
  EXPECT_EQ(mistakes("[fabric]\nkind = \"fat-tree\"\nroutng = \"ecmp\"\n")[0].place.line, 9);
  EXPECT_EQ(mistakes("[fabric]\nkind = \"fat-tree\"\ntiers = 4\n")[0].place.line, 9);
  EXPECT_EQ(mistakes("[fabric]\nkind = \"fat-tree\"\nlink_bandwidth = 400\n")[0].place.line, 9);
  EXPECT_EQ(mistakes("[fabric]\nkind = \"multi-plane\"\n")[0].place.line, 7);
  EXPECT_THAT(
      mistakes("[fabric]\nkind = \"multi-plane\"\nplanes = 8\ncross_rail = \"spine\"\n")[0].message,
      testing::HasSubstr("planes are not connected"));
  EXPECT_EQ(mistakes("[fabric]\nkind = \"fat-tree\"\n[[fabric.fault]]\nfactor = 0.5\n").size(), 1U);
  EXPECT_EQ(
      mistakes(
          "[fabric]\nkind = \"fat-tree\"\n[[fabric.fault]]\ndevice = \"leaf0\"\nfactor = 2\n")[0]
          .place.line,
      11);
  EXPECT_THAT(mistakes("[fabric]\nkind = \"custom\"\nedges = \"none.txt\"\n")[0].message,
              testing::HasSubstr("there is no edge list"));
}

TEST_F(FabricFiles, ReportMistakesOfAnEdgeListInIt) {
  write("net.txt", "node0.nic0 leaf0\nleaf0 leaf0\n");
  const auto found = mistakes("[fabric]\nkind = \"custom\"\nedges = \"net.txt\"\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].place.file.ends_with("net.txt"));
  EXPECT_EQ(found[0].place.line, 2);
}

TEST(FabricExamples, CanAllBeBuilt) {
  int files = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(TOWTANK_SOURCE_DIR) / "scenarios" / "fabrics")) {
    if (entry.path().extension() == ".toml") {
      ++files;
      const FabricFile file = read_fabric_file(entry.path().string(), {});
      EXPECT_GT(make_fabric(file.spec, file.size).links(), 0) << entry.path();
    }
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace towtank
