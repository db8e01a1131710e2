#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/scenario/scenario.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

TEST(Override, WinsOverTheFileAndItsBase) {
  const Scenario scenario = with({"plan.pipeline=8", "model.layers=48", "cluster.nodes=128"});
  EXPECT_EQ(scenario.plan.pipeline, 8);
  EXPECT_EQ(scenario.model.layers, 48);
  EXPECT_EQ(scenario.model.hidden, 7168);  // the rest of the base stays
  EXPECT_EQ(scenario.cluster.gpus(), 1024);
  EXPECT_EQ(scenario.plan.data, 128);  // derived after the override
}

TEST(Override, LaterOneWins) {
  EXPECT_EQ(with({"plan.pipeline=4", "plan.pipeline=8"}).plan.pipeline, 8);
}

TEST(Override, WordAndQuantityNeedNoQuotes) {
  const Scenario scenario = with({"plan.schedule=1f1b", "cluster.nic.bandwidth=200 Gbit/s"});
  EXPECT_EQ(scenario.plan.schedule, ScheduleKind::k1F1B);
  EXPECT_DOUBLE_EQ(scenario.cluster.nic.bandwidth / (GB / second), 25.0);
  EXPECT_EQ(with({"plan.schedule=\"zb1p\""}).plan.schedule, ScheduleKind::kZb1p);
}

TEST(Override, TakesArraysAndTables) {
  const Scenario scenario = with({"plan.recompute=[\"norms\"]",
                                  "training.ramp={from = 1920, tokens = 1e9}",
                                  "training.extension=[]"});
  EXPECT_TRUE(scenario.plan.recipe.recompute.norms);
  EXPECT_FALSE(scenario.plan.recipe.recompute.swiglu);
  EXPECT_EQ(scenario.run.ramp->from, 1920);
  EXPECT_TRUE(scenario.extensions.empty());
}

TEST(Override, OfABaseIsRelativeToTheScenarioFile) {
  const Scenario scenario = with({"cluster.base=clusters/h100-2048.toml"});
  EXPECT_EQ(scenario.cluster.gpu, "h100-sxm");
  EXPECT_DOUBLE_EQ(scenario.cluster.nvlink.bandwidth / (GB / second), 450.0);
}

TEST(Override, PriceOfOnesOwnDoesNotKeepTheListsSource) {
  const Scenario scenario = with({"prices.per_gpu=3 $/h"});
  EXPECT_DOUBLE_EQ(scenario.price.per_gpu * hour / dollar, 3.0);
  EXPECT_EQ(scenario.price.source, "set at --set prices.per_gpu=3 $/h");
  EXPECT_EQ(scenario.price.date, "");
  EXPECT_THAT(with({}).price.source, HasSubstr("arXiv 2412.19437"));
}

TEST(Override, KeysAreKeptEachOnce) {
  EXPECT_TRUE(with({}).overrides.empty());
  EXPECT_EQ(with({"plan.pipeline=4", "title=x", "plan.pipeline=8"}).overrides,
            (std::vector<std::string>{"plan.pipeline", "title"}));
}

TEST(Override, UnknownKeyIsAMistakeAtTheFlag) {
  const auto mistakes = mistakes_with({"plan.pipline=8", "clutser.nodes=128"});
  ASSERT_EQ(mistakes.size(), 2U);
  EXPECT_EQ(to_string(mistakes[0]),
            "--set clutser.nodes=128: unknown key 'clutser' in the file\n  hint: did you mean "
            "'cluster'?");
  EXPECT_EQ(to_string(mistakes[1]),
            "--set plan.pipline=8: unknown key 'pipline' in [plan]\n  hint: did you mean "
            "'pipeline'?");
}

TEST(Override, BareNumberShowsTheUnitToWrite) {
  const auto mistakes = mistakes_with({"cluster.nic.bandwidth=400"});
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].place.file, "--set cluster.nic.bandwidth=400");
  EXPECT_THAT(mistakes[0].hint, HasSubstr("400 Gbit/s"));
}

TEST(Override, CannotGoThroughAValue) {
  EXPECT_THAT(mistakes_with({"title.x=1"}).at(0).message, HasSubstr("not a table"));
  EXPECT_THAT(mistakes_with({"published.0.value=1"}).at(0).message, HasSubstr("an array"));
}

TEST(Override, WithoutAKeyIsAMistake) {
  for (const char* setting : {"=1", "plan.=1", ".pipeline=1", "plan..pipeline=1"}) {
    EXPECT_EQ(mistakes_with({setting}).size(), 1U) << setting;
  }
}

}  // namespace
}  // namespace towtank
