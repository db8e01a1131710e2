// A projection refuses what the GPU cannot do, at the place where it was asked for.
#include "tools/project_training.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tools/unfolded_size.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

const std::string kFile = std::string(TOWTANK_SOURCE_DIR) + "/scenarios/deepseek-v3-h800.toml";

const std::vector<Override> kSmall = {
    {.key = "cluster.base", .value = "clusters/h800-16.toml"},
    {.key = "plan.pipeline", .value = "2"},
    {.key = "plan.expert", .value = "8"},
    {.key = "model.layers", .value = "4"},
    {.key = "training.batch", .value = "64"},
    {.key = "training.ramp.from", .value = "64"},
    {.key = "training.extension", .value = "[]"},
};

std::vector<Override> small_with(const std::string& key, const std::string& value) {
  std::vector<Override> overrides = kSmall;
  overrides.push_back({.key = key, .value = value});
  return overrides;
}

TEST(UnfoldedActivities, AreThoseOfTheUnfoldedGraph) {
  for (const char* schedule : {"dualpipe", "1f1b"}) {
    const Scenario scenario = read_scenario(kFile, small_with("plan.schedule", schedule));
    const Profile profile = profile_for(scenario);
    const auto graph = [&](Folding folding) {
      return lower_training_step(scenario.model, scenario.plan, scenario.cluster, profile, folding);
    };
    const OpGraph unfolded = graph(Folding::kUnfolded);
    EXPECT_EQ(unfolded.ranks.size(), 16U);
    EXPECT_DOUBLE_EQ(unfolded_activities(graph(Folding::kFolded)), unfolded_activities(unfolded))
        << schedule;
  }
}

TEST(CheckAgainstProfile, ReportsEverythingAtItsPlace) {
  const Scenario scenario =
      read_scenario(kFile, {{.key = "plan.communication_sms", .value = "140"}});
  Profile profile = profile_for(scenario);
  profile.gpu.fp8_peak = FlopRate{};
  try {
    check_against_profile(scenario, profile);
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 2U);
    EXPECT_EQ(error.diagnostics()[0].place.file, "--set plan.communication_sms=140");
    EXPECT_EQ(error.diagnostics()[1].place.file, kFile);
    EXPECT_GT(error.diagnostics()[1].place.line, 0);
    EXPECT_THAT(error.diagnostics()[1].message, HasSubstr("plan.precision"));
  }
}

TEST(ProfileFor, ReportsAnUnknownGpuWhereItIsNamed) {
  const Scenario scenario = read_scenario(kFile, {{.key = "cluster.gpu", .value = "h900-sxm"}});
  try {
    profile_for(scenario);
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics().front().place.file, "--set cluster.gpu=h900-sxm");
    EXPECT_EQ(error.diagnostics().front().hint, "did you mean 'h100-sxm'?");
  }
}

TEST(ProjectTraining, RefusesToUnfoldALargeCluster) {
  const Scenario scenario = read_scenario(kFile, {});
  try {
    project_training(scenario, profile_for(scenario), Folding::kUnfolded);
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics().front().place.file, "--no-fold");
    for (const Override& setting : kSmall) {
      EXPECT_THAT(error.diagnostics().front().hint,
                  HasSubstr("--set " + setting.key + "=" + setting.value));
    }
  }
}

TEST(ProjectTraining, ReportsTheMemoryOfThePhaseThatNeedsMost) {
  const auto memory_with = [](const std::string& extension) {
    const Scenario scenario = read_scenario(kFile, small_with("training.extension", extension));
    return project_training(scenario, profile_for(scenario), Folding::kFolded).memory;
  };
  const MemoryReport main = memory_with("[]");
  EXPECT_EQ(main.phase, "main run");
  const MemoryReport shorter =
      memory_with("[{name = \"2K\", sequence = 2048, batch = 64, steps = 1}]");
  EXPECT_EQ(shorter.phase, "main run");
  EXPECT_EQ(shorter.peak, main.peak);
  const MemoryReport longer =
      memory_with("[{name = \"16K\", sequence = 16384, batch = 64, steps = 1}]");
  EXPECT_EQ(longer.phase, "16K context extension");
  EXPECT_GT(longer.peak, main.peak);
}

// 2 pipeline ranks of 8 on a node each, which share the experts; every token is a rank's own.
TEST(ProjectTraining, StatesTheGridsAndWhatTheirGroupsMove) {
  const Scenario scenario = read_scenario(kFile, kSmall);
  const TrainingReport report = project_training(scenario, profile_for(scenario), Folding::kFolded);
  EXPECT_EQ(report.grid.ranks(), 16);
  EXPECT_EQ(report.grid.data * report.grid.context, report.grid.expert_data * report.grid.expert);
  const auto sent = [&report](const std::string& name) {
    for (const GroupReport& group : report.groups) {
      if (group.name == name) {
        return group;
      }
    }
    return GroupReport{};
  };
  EXPECT_EQ(sent("expert dispatch").ranks, 8);
  EXPECT_EQ(sent("expert dispatch").nic, Bytes{});
  // Activations on and gradients back, in BF16, of each rank's share of the batch.
  const double tokens = 64.0 * 4096.0 / 8.0;
  EXPECT_DOUBLE_EQ(sent("pipeline").nic.si(), tokens * 7168.0 * 2.0);
  EXPECT_DOUBLE_EQ(sent("pipeline").all_ranks.si(), 16.0 * tokens * 7168.0 * 2.0);
  EXPECT_EQ(sent("expert copies all-gather").groups, 8);
  EXPECT_EQ(sent("dense copies all-gather").groups, 1);
}

// Expert groups of 2 nodes; leaves of 6 cards with 2 uplinks.
TEST(ProjectTraining, NamesTheUplinksOfAnOversubscribedFabricAsWhatLimits) {
  std::vector<Override> overrides = kSmall;
  overrides.insert(overrides.end(),
                   {{.key = "cluster.nodes", .value = "4"},
                    {.key = "training.batch", .value = "128"},
                    {.key = "training.ramp.from", .value = "128"}});
  for (Override& setting : overrides) {
    setting.value = setting.key == "plan.expert" ? "16" : setting.value;
  }
  const auto project = [&overrides] {
    const Scenario scenario = read_scenario(kFile, overrides);
    return project_training(scenario, profile_for(scenario), Folding::kFolded);
  };
  const TrainingReport sound = project();
  for (const LinkReport& link : sound.links) {
    EXPECT_TRUE(link.pipeline.has_value()) << link.name;
  }
  overrides.insert(overrides.end(),
                   {{.key = "cluster.fabric.kind", .value = "fat-tree"},
                    {.key = "cluster.fabric.radix", .value = "8"},
                    {.key = "cluster.fabric.oversubscription", .value = "3"}});
  const TrainingReport narrow = project();
  EXPECT_GT(narrow.step.time, sound.step.time);
  Seconds limits;
  int kinds = 0;
  for (const LinkReport& link : narrow.links) {
    if (link.pipeline) {
      continue;
    }
    ++kinds;
    limits += link.limits;
    EXPECT_TRUE(link.name == "leaf up" || link.name == "leaf down") << link.name;
    EXPECT_EQ(link.cables, 2);
    EXPECT_NEAR(link.capacity.si(), 2 * 50e9, 1.0);
    EXPECT_LE(link.links, 6);
    EXPECT_LE(link.as_busy, link.links);
    EXPECT_LE(link.utilisation, 1.0);
    EXPECT_LE(link.mean_utilisation, link.utilisation * (1.0 + 1e-9));
    EXPECT_NEAR(link.carried / (link.capacity * narrow.step.time), link.utilisation, 1e-9);
  }
  EXPECT_EQ(kinds, 2);
  EXPECT_GT(limits, 0.5 * (narrow.step.time - sound.step.time));
}

TEST(ProjectTraining, PassesTheOverridesOn) {
  const Scenario scenario = read_scenario(kFile, kSmall);
  const TrainingReport report = project_training(scenario, profile_for(scenario), Folding::kFolded);
  EXPECT_EQ(report.overrides, scenario.overrides);
  EXPECT_EQ(report.overrides.size(), kSmall.size());
}

}  // namespace
}  // namespace towtank
