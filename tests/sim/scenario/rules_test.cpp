#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/scenario/scenario.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

/// The only mistake made by the settings; an empty one, and a failure, when there are none or more.
Diagnostic only_mistake(const std::vector<std::string>& settings) {
  const auto mistakes = mistakes_with(settings);
  EXPECT_EQ(mistakes.size(), 1U) << testing::PrintToString(settings);
  return mistakes.size() == 1 ? mistakes.front() : Diagnostic{};
}

/// The first number in a hint like "expert = 32 would do".
std::string suggested(const Diagnostic& mistake) {
  const std::size_t from = mistake.hint.find_first_of("0123456789");
  const std::size_t end = mistake.hint.find_first_not_of("0123456789", from);
  return mistake.hint.substr(from, end - from);
}

TEST(Rules, WhatTheHintSaysIsAccepted) {
  struct Case {
    std::string key;
    std::string wrong;
    std::vector<std::string> around;  // other settings that hold throughout
  };
  const std::vector<Case> cases = {
      {"plan.pipeline", "12", {"plan.expert=8"}},
      {"plan.data", "64", {}},
      {"plan.expert", "48", {}},
      {"plan.expert", "96", {}},
      {"plan.expert",
       "12",
       {"cluster.gpus_per_node=12",
        "cluster.nodes=256",
        "plan.data=192",
        "training.batch=15360",
        "training.extension=[]"}},
      {"plan.context", "3", {}},
      {"plan.tensor", "3", {}},
      {"plan.tensor",
       "3",
       {"cluster.nodes=384", "plan.expert=4", "training.extension=[]", "training.ramp.from=192"}},
      {"plan.tensor", "256", {"training.batch=15360", "training.extension=[]"}},
      {"plan.expert_tensor", "3", {"plan.expert=1", "plan.tensor=2"}},
      {"plan.expert", "64", {"plan.expert_tensor=16"}},
      {"plan.shard", "48", {}},
      {"plan.shard", "32", {}},
      {"plan.shard", "16", {"plan.tensor=2"}},
      {"training.ramp.from", "127", {}},
      {"training.ramp.from", "127", {"plan.micro_batch=2"}},
      {"training.batch", "15000", {}},
      {"training.batch", "128", {"training.ramp.from=128"}},
      {"model.moe.groups", "7", {}},
      {"model.moe.groups_per_token", "9", {}},
      {"model.moe.top_k", "129", {}},
  };
  for (const Case& test : cases) {
    std::vector<std::string> settings = test.around;
    settings.push_back(test.key + "=" + test.wrong);
    const Diagnostic mistake = only_mistake(settings);
    ASSERT_FALSE(mistake.hint.empty()) << test.key << ": " << mistake.message;
    settings.back() = test.key + "=" + suggested(mistake);
    EXPECT_NO_THROW(with(settings)) << settings.back() << " after: " << mistake.message;
  }
}

TEST(Rules, RanksMultiplyUpToTheCluster) {
  const Diagnostic mistake = only_mistake({"plan.data=64"});
  EXPECT_THAT(mistake.message, HasSubstr("1,024 ranks, but the cluster has 2,048 GPUs"));
  EXPECT_NO_THROW(with({"plan.data=128"}));
}

TEST(Rules, StagesAreNoMoreThanLayers) {
  EXPECT_THAT(only_mistake({"model.layers=15"}).message, HasSubstr("16 stages"));
  EXPECT_NO_THROW(with({"model.layers=16"}));
  // DualPipeV has two stages a rank in a row, so 31 layers are one too few for 16 ranks.
  EXPECT_THAT(only_mistake({"model.layers=31", "plan.schedule=dualpipev"}).message,
              HasSubstr("32 stages"));
  EXPECT_NO_THROW(with({"model.layers=32", "plan.schedule=dualpipev"}));
  EXPECT_NO_THROW(with({"plan.schedule=interleaved-1f1b",
                        "plan.interleave=3",
                        "training.batch=16384",
                        "training.extension=[]"}));
  EXPECT_THAT(only_mistake({"plan.schedule=interleaved-1f1b",
                            "plan.interleave=4",
                            "training.batch=16384",
                            "training.extension=[]"})
                  .message,
              HasSubstr("64 stages"));
}

TEST(Rules, StageLayersAreOneAStageAndSumToTheLayers) {
  const std::string even = "4,4,4,4,4,4,4,4,4,4,4,4,4,3,3";
  EXPECT_NO_THROW(with({"plan.stage_layers=[" + even + ",3]"}));
  EXPECT_THAT(only_mistake({"plan.stage_layers=[" + even + ",4]"}).message,
              HasSubstr("sums to 62"));
  EXPECT_THAT(only_mistake({"plan.stage_layers=[" + even + "]"}).message, HasSubstr("15 entries"));
}

TEST(Rules, ExpertGroupsOfTheRouterAndNodesNeedNotNest) {
  // 64 expert-parallel ranks span 8 nodes: 8, 4 and 16 groups nest with them, 6 do not.
  EXPECT_NO_THROW(with({"model.moe.groups=4"}));
  EXPECT_NO_THROW(with({"model.moe.groups=16"}));
  EXPECT_NO_THROW(with({"model.moe.groups=1", "model.moe.groups_per_token=1"}));
  EXPECT_NO_THROW(with({"model.moe.groups=6", "model.moe.experts=384"}));
}

TEST(Rules, ExpertsNeedNotFillNodes) {
  const std::vector<std::string> settings = {"cluster.gpus_per_node=6",
                                             "cluster.nodes=256",
                                             "plan.pipeline=16",
                                             "training.batch=15360",
                                             "plan.data=96",
                                             "training.ramp.from=1920",
                                             "training.extension=[]"};
  std::vector<std::string> of_32 = settings;
  of_32.emplace_back("plan.expert=32");
  EXPECT_NO_THROW(with(of_32));
  of_32.emplace_back("experts.placement=hierarchical");
  of_32.emplace_back("experts.load={zipf = 0.3}");
  EXPECT_THAT(only_mistake(of_32).message, HasSubstr("as many ranks on each node"));
}

TEST(Rules, ContextsNeedNotFillNodes) {
  EXPECT_NO_THROW(with({"plan.data=48",
                        "cluster.nodes=96",
                        "plan.expert=16",
                        "plan.context=12",
                        "training.sequence=6144",
                        "training.extension=[]"}));
}

TEST(Rules, TheLastNodeMayBePartlyInUse) {
  const std::vector<std::string> settings = {
      "plan.pipeline=5", "plan.expert=4", "plan.schedule=1f1b", "training.extension=[]"};
  const auto on = [&settings](const std::vector<std::string>& cluster) {
    std::vector<std::string> all = settings;
    all.insert(all.end(), cluster.begin(), cluster.end());
    return all;
  };
  const Scenario scenario = with(on({"cluster.nodes=3", "cluster.gpus=20"}));
  EXPECT_EQ(scenario.cluster.gpus(), 20);
  EXPECT_EQ(scenario.cluster.idle, 4);
  EXPECT_EQ(scenario.plan.data, 4);
  EXPECT_EQ(only_mistake(on({"cluster.gpus=20"})).message,
            "20 GPUs are on 3 nodes of 8, not on 256");
  EXPECT_EQ(only_mistake(on({"cluster.gpus=1"})).message, "1 GPU is on 1 node of 8, not on 256");
  EXPECT_THAT(only_mistake(on({"cluster.nodes=2", "cluster.gpus=13"})).message,
              HasSubstr("13 GPUs (1 node of 8 and one of 5) do not divide into 5"));
  EXPECT_THAT(only_mistake(on({"cluster.nodes=1", "cluster.gpus=7"})).message,
              HasSubstr("7 GPUs (on a node of 8) do not divide into 5"));
  EXPECT_THAT(only_mistake(on({"cluster.nodes=3", "cluster.gpus=21"})).message,
              HasSubstr("21 GPUs (2 nodes of 8 and one of 5) do not divide into 5"));
  EXPECT_THAT(only_mistake(on({"cluster.nodes=3", "plan.data=4"})).hint,
              HasSubstr("cluster.gpus = 20 uses only so many"));
  // What cluster.gpus counts is not the placement.
  EXPECT_THAT(only_mistake(on({"cluster.nodes=5", "plan.nodes=1-3", "plan.data=4"})).hint,
              testing::Not(HasSubstr("cluster.gpus")));
}

TEST(Rules, APartlyUsedNodeIsTheLastOfAJob) {
  std::vector<std::string> settings = {"cluster.nodes=3",
                                       "cluster.gpus=20",
                                       "plan.pipeline=3",
                                       "plan.expert=4",
                                       "plan.schedule=1f1b",
                                       "training.extension=[]",
                                       "plan.nodes=2, 0"};
  EXPECT_THAT(only_mistake(settings).message, HasSubstr("of node 2 only 4 GPUs are in use"));
  settings.back() = "plan.nodes=0, 2";
  EXPECT_EQ(with(settings).cluster.gpus(), 12);
}

TEST(Rules, AFaultIsOfAGpuInUse) {
  EXPECT_EQ(mistakes_with({"cluster.nodes=3",
                           "cluster.gpus=20",
                           "plan.pipeline=5",
                           "plan.expert=4",
                           "plan.schedule=1f1b",
                           "training.extension=[]",
                           "cluster.fault=[{gpu = 20, slowdown = 2.0}]"})
                .size(),
            1U);
}

TEST(Rules, ScheduleGetsTheMicroBatchesItNeeds) {
  EXPECT_THAT(only_mistake({"training.batch=3072", "training.ramp.from=3072"}).message,
              HasSubstr("DualPipe"));
  EXPECT_NO_THROW(with({"training.batch=3072", "plan.schedule=1f1b"}));
}

TEST(Rules, RampStartsWithASequenceOnEveryReplica) {
  EXPECT_NO_THROW(with({"training.ramp.from=128"}));
  EXPECT_EQ(only_mistake({"training.ramp.from=127"}).hint, "from = 128 is the least");
  EXPECT_EQ(only_mistake({"training.ramp.from=255", "plan.micro_batch=2"}).hint,
            "from = 256 is the least");
  EXPECT_NO_THROW(with({"training.ramp.from=32", "plan.context=4"}));
}

TEST(Rules, DataRanksMaySitInUnequalNumbersOnTheirNodes) {
  EXPECT_NO_THROW(
      with({"cluster.nodes=24", "plan.expert=4", "training.batch=7680", "training.extension=[]"}));
}

TEST(Rules, ExtensionsAreCheckedLikeTheRun) {
  const auto extension = [](const std::string& values) {
    return "training.extension=[{name = \"x\", steps = 1, " + values + "}]";
  };
  EXPECT_NO_THROW(with({extension("sequence = 8192, batch = 15360")}));
  EXPECT_THAT(only_mistake({extension("sequence = 8192, batch = 1000")}).message,
              HasSubstr("does not divide"));
  EXPECT_THAT(only_mistake({extension("sequence = 8192, batch = 1920, context = 3")}).message,
              HasSubstr("groups of 3"));
  EXPECT_THAT(only_mistake({extension("sequence = 8190, batch = 1920, context = 8")}).message,
              HasSubstr("does not divide over 8 ranks"));
  EXPECT_THAT(only_mistake({extension("sequence = 8192, batch = 128")}).message,
              HasSubstr("DualPipe"));
}

TEST(Rules, WhatIsNotModelledNamesWhatIs) {
  EXPECT_THAT(only_mistake({"plan.zero=4"}).hint, HasSubstr("3: parameters"));
  EXPECT_THAT(only_mistake({"model.moe.gating=tanh"}).hint, HasSubstr("sigmoid"));
  EXPECT_THAT(only_mistake({"model.attention.kind=linear"}).hint, HasSubstr("mla"));
  EXPECT_THAT(only_mistake({"plan.precision=int4"}).hint, HasSubstr("fp8-block"));
}

TEST(Rules, SizesAreBoundedSoThatNothingOverflows) {
  for (const char* key : {"plan.pipeline",
                          "plan.data",
                          "plan.tensor",
                          "plan.expert",
                          "plan.expert_tensor",
                          "plan.context",
                          "plan.shard",
                          "plan.micro_batch",
                          "plan.interleave",
                          "model.layers",
                          "model.hidden",
                          "model.moe.experts",
                          "cluster.nodes",
                          "cluster.gpus_per_node",
                          "training.sequence",
                          "training.batch"}) {
    for (const char* value : {"0", "-1", "2147483647", "9223372036854775807"}) {
      EXPECT_FALSE(mistakes_with({std::string(key) + "=" + value}).empty()) << key << "=" << value;
    }
  }
  EXPECT_THAT(only_mistake({"cluster.nodes=4194304"}).message, HasSubstr("more than can be"));
}

TEST(Rules, IndependentMistakesAreReportedTogetherAndOnce) {
  const auto mistakes =
      mistakes_with({"plan.zero=4",
                     "plan.expert=48",
                     "model.moe.top_k=500",
                     "training.batch=15000",
                     "training.ramp.tokens=1e16",
                     "plan.schedul=zb1p",
                     "title=3",
                     "published=[{metric=\"step.second\",value=1,source=\"x\"}]"});
  EXPECT_EQ(mistakes.size(), 8U);
  EXPECT_TRUE(std::ranges::is_sorted(mistakes));
}

TEST(Rules, OneMistakeIsNotReportedAgainByWhatFollowsFromIt) {
  // Each of these leaves the number of data ranks, the batch or the experts without meaning.
  for (const char* setting : {"plan.pipeline=0",
                              "plan.pipeline=\"16\"",
                              "cluster.nodes=0",
                              "cluster=3",
                              "plan.expert=zero",
                              "training.batch=none",
                              "model=1",
                              "plan.schedule=1f2b",
                              "training=1"}) {
    EXPECT_EQ(mistakes_with({setting}).size(), 1U) << setting;
  }
}

TEST(Rules, PhasesAndFiguresHaveNamesOfTheirOwn) {
  const std::string phase = "{name = \"x\", gpu_hours = 1, source = \"y\"}";
  EXPECT_THAT(only_mistake({"training.stated=[" + phase + "," + phase + "]"}).message,
              HasSubstr("second stated phase"));
  const std::string figure = "{metric = \"run.days\", value = 54, source = \"y\"}";
  EXPECT_THAT(only_mistake({"published=[" + figure + "," + figure + "]"}).message,
              HasSubstr("second published figure"));
}

}  // namespace
}  // namespace towtank
