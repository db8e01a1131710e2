#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/scenario/metrics.hpp"
#include "sim/scenario/scenario.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

std::map<std::string, std::string> entries_of(const Scenario& scenario) {
  std::map<std::string, std::string> entries;
  for (const ScenarioEntry& entry : scenario.entries) {
    entries[entry.key] = entry.value;
  }
  return entries;
}

TEST(ShippedScenarios, AllAreSound) {
  int scenarios = 0;
  for (const auto& file : std::filesystem::directory_iterator(shipped(""))) {
    if (file.path().extension() == ".toml") {
      EXPECT_NO_THROW(read_scenario(file.path().string(), {})) << file.path();
      ++scenarios;
    }
  }
  EXPECT_GE(scenarios, 2);
}

TEST(ShippedScenarios, EveryClusterAndPriceListFitsAScenario) {
  for (const auto& file : std::filesystem::directory_iterator(shipped("clusters"))) {
    // Plan and batch that any cluster can take, to look at the cluster alone.
    const std::string base = "cluster.base=clusters/" + file.path().filename().string();
    EXPECT_NO_THROW(with({base,
                          "plan.pipeline=1",
                          "plan.expert=8",
                          "plan.schedule=1f1b",
                          "training.batch=184320",
                          "training.extension=[]"}))
        << file.path();
  }
  for (const auto& file : std::filesystem::directory_iterator(shipped("prices"))) {
    EXPECT_NO_THROW(with({"prices.base=prices/" + file.path().filename().string()})) << file.path();
  }
}

TEST(DeepSeekV3OnH800, IsWhatTheReportDescribes) {
  const Scenario scenario = with({});
  EXPECT_EQ(scenario.name, "deepseek-v3-h800");
  EXPECT_EQ(scenario.cluster.gpus(), 2048);
  EXPECT_EQ(scenario.plan.ranks(), 2048);
  EXPECT_EQ(scenario.plan.data, 128);  // derived, not written
  EXPECT_EQ(scenario.plan.schedule, ScheduleKind::kDualPipe);
  EXPECT_EQ(scenario.plan.recipe.gemm, Precision::kFp8Block);
  EXPECT_EQ(scenario.model.layers, 61);
  EXPECT_EQ(scenario.model.moe.experts / scenario.plan.expert, 4);  // experts a GPU
  EXPECT_DOUBLE_EQ(scenario.cluster.nic.bandwidth / (GB / second), 50.0);
  EXPECT_DOUBLE_EQ(scenario.price.per_gpu * hour / dollar, 2.0);
  ASSERT_TRUE(scenario.run.ramp);
  EXPECT_EQ(scenario.run.ramp->from, 3072);
}

TEST(DeepSeekV3OnH800, ExtensionKeepsTheTokensOfAGpuAndTheMicroBatches) {
  const Scenario scenario = with({});
  const std::int64_t tokens = scenario.plan.sequence;
  const std::int64_t micro_batches = scenario.plan.batch / scenario.plan.data;
  ASSERT_EQ(scenario.extensions.size(), 2U);
  for (const ContextExtension& extension : scenario.extensions) {
    EXPECT_EQ(extension.sequence / extension.context, tokens);
    EXPECT_EQ(extension.batch * extension.context / scenario.plan.data, micro_batches);
  }
}

TEST(DeepSeekV3OnH800, PublishedFiguresAgreeAmongThemselves) {
  std::map<std::string, double> value;
  const Scenario scenario = with({});
  for (const PublishedFigure& figure : scenario.published) {
    EXPECT_FALSE(figure.source.empty());
    value[figure.metric] = figure.value;
  }
  double phases = 0.0;
  for (const auto& [metric, seconds] : value) {
    phases += metric.starts_with("phases_seconds.") ? seconds : 0.0;
  }
  EXPECT_NEAR(phases, value.at("step.seconds"), 0.05);
  const double step_tokens = static_cast<double>(scenario.plan.batch * scenario.plan.sequence);
  const double hours =
      scenario.run.tokens / step_tokens * value.at("step.seconds") * 2048.0 / 3600.0;
  EXPECT_NEAR(hours / value.at("run.gpu_hours"), 1.0, 0.01);
  EXPECT_NEAR(value.at("total.gpu_hours") * 2.0, value.at("total.dollars"), 1.0);
  EXPECT_NEAR(
      value.at("efficiency.mfu_causal") * 989.0, value.at("efficiency.tflops_per_gpu_causal"), 1.0);
}

TEST(DeepSeekV3OnH100, DiffersFromTheH800RunOnlyInClusterPriceAndPublishedFigures) {
  const auto h800 = entries_of(with({}));
  const auto h100 = entries_of(with({}, "deepseek-v3-h100.toml"));
  std::set<std::string> differing;
  for (const auto& [key, value] : h800) {
    const bool elsewhere = key.starts_with("published.") || key.starts_with("prices.");
    if (!elsewhere && (!h100.contains(key) || h100.at(key) != value)) {
      differing.insert(key);
    }
  }
  EXPECT_EQ(differing,
            (std::set<std::string>{"cluster.gpu", "cluster.name", "cluster.nvlink.bandwidth"}));
}

// What changes the network shows in a comparison.
TEST(Entries, HoldTheFabric) {
  const auto fabric = [](const std::string& more) {
    return "cluster.fabric={kind = \"rail-optimised\", node = \"hgx\", tiers = 2, radix = 64" +
           more + "}";
  };
  const auto plain = entries_of(with({fabric("")}));
  for (const char* more : {", oversubscription = 2",
                           ", routing = \"ecmp\"",
                           ", link_latency = \"1 us\"",
                           ", cross_rail = \"spine\"",
                           ", pcie = {generation = 4}",
                           ", in_network = [\"leaf\"]",
                           ", fault = [{device = \"node0.nic0\", factor = 0.5}]"}) {
    EXPECT_NE(entries_of(with({fabric(more)})), plain) << more;
  }
  EXPECT_EQ(entries_of(with({})).count("cluster.fabric.kind"), 0U);
}

TEST(Entries, AreSortedAndUniqueAndHoldDefaultsAndDerivedValues) {
  const Scenario scenario = with({});
  EXPECT_TRUE(std::ranges::is_sorted(scenario.entries, {}, &ScenarioEntry::key));
  const auto entries = entries_of(scenario);
  EXPECT_EQ(entries.size(), scenario.entries.size());
  EXPECT_EQ(entries.at("plan.pipeline"), "16");
  EXPECT_EQ(entries.at("plan.data"), "128");
  EXPECT_EQ(entries.at("plan.context"), "1");
}

TEST(Entries, OneValueHasOneSpelling) {
  EXPECT_EQ(entries_of(with({"cluster.nic.bandwidth=50 GB/s"})), entries_of(with({})));
}

TEST(Base, IsSoughtFromTheFileThatNamesItWhereverTheCommandRuns) {
  const TemporaryFolder folder;
  std::string text = whole_scenario();
  const std::size_t cluster = text.find("[cluster]");
  const std::size_t prices = text.find("[prices]");
  const std::string body = text.substr(cluster + 10, prices - cluster - 10);
  text.replace(cluster, prices - cluster, "[cluster]\nbase = \"parts/big.toml\"\n\n");
  folder.write("parts/small/two.toml", body);
  folder.write("parts/big.toml", "base = \"small/two.toml\"\nnodes = 4\n");
  const Scenario scenario = read_scenario(folder.write("question.toml", text), {});
  EXPECT_EQ(scenario.cluster.nodes, 4);          // of the file in the middle
  EXPECT_EQ(scenario.cluster.gpus_per_node, 8);  // of the one at the bottom
}

TEST(Base, FileThatNamesItselfIsAMistake) {
  const TemporaryFolder folder;
  folder.write("loop.toml", "base = \"loop.toml\"\n");
  const std::string file = folder.write("q.toml", "[cluster]\nbase = \"loop.toml\"\n");
  try {
    read_scenario(file, {});
    FAIL() << "accepted a loop";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("too many bases of bases"));
  }
}

TEST(Base, FileThatIsNotThereIsAMistakeThatNamesOneThatIs) {
  const auto mistakes = mistakes_with({"cluster.base=clusters/h800-248.toml"});
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_THAT(mistakes[0].hint, HasSubstr("'clusters/h800-2"));
}

TEST(Scenario, FileThatIsNotThereIsTheEnvironmentsFault) {
  EXPECT_THROW(read_scenario("no/such/scenario.toml", {}), EnvironmentError);
}

TEST(Scenario, NeedsNoBase) {
  const TemporaryFolder folder;
  const Scenario scenario = read_scenario(folder.write("small.toml", whole_scenario()), {});
  EXPECT_EQ(scenario.name, "small");
  EXPECT_EQ(scenario.plan.data, 8);
  EXPECT_TRUE(scenario.published.empty());
}

TEST(PublishedMetrics, AreNamedOnce) {
  const std::set<std::string> metrics(published_metrics().begin(), published_metrics().end());
  EXPECT_EQ(metrics.size(), published_metrics().size());
}

}  // namespace
}  // namespace towtank
