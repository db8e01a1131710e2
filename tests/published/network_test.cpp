// What the network's shape costs a DeepSeek-V3 step. Published: the multi-plane fat tree that it
// was trained on performs as a single-plane multi-rail one (arXiv 2505.09343, section 5.1 and Table
// 4: 19.926 against 19.946 s a step). What is built or routed worse does not.
#include <string>

#include <gtest/gtest.h>

#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

const std::string kRoot = TOWTANK_SOURCE_DIR;

/// Seconds of a step on a fabric of 64-port switches, two tiers.
double step_on(const std::string& fabric, std::vector<Override> overrides = {}) {
  overrides.push_back({.key = "cluster.fabric",
                       .value = "{node = \"hgx\", tiers = 2, radix = 64, " + fabric + "}"});
  const Scenario scenario = read_scenario(kRoot + "/scenarios/deepseek-v3-h800.toml", overrides);
  return project_training(
             scenario, read_profile(kRoot + "/profiles", scenario.cluster.gpu), Folding::kFolded)
             .step.time /
         second;
}

/// One replica of the model and as few micro-batches as DualPipe runs: routes that collide leave
/// every rank in a class of its own.
std::vector<Override> one_replica() {
  return {{.key = "cluster.nodes", .value = "128"},
          {.key = "training.batch", .value = "2048"},
          {.key = "training.ramp.from", .value = "2048"},
          {.key = "training.extension", .value = "[]"},
          {.key = "training.stated", .value = "[]"},
          {.key = "published", .value = "[]"}};
}

TEST(NetworkOfDeepSeekV3, PlanesAndRailsDifferByLessThanOnePercent) {
  const double rails = step_on("kind = \"rail-optimised\", routing = \"adaptive\"");
  const double planes = step_on(
      "kind = \"multi-plane\", planes = 8, cross_rail = \"nvlink-last\", routing = \"adaptive\"");
  EXPECT_NEAR(planes / rails, 1.0, 0.01);
}

TEST(NetworkOfDeepSeekV3, AThirdOfTheCablesAboveTheLeavesOfAPlainTreeCostsMoreThanAnEighth) {
  const double full = step_on("kind = \"fat-tree\", routing = \"adaptive\"");
  const double third =
      step_on("kind = \"fat-tree\", routing = \"adaptive\", oversubscription = 3.0");
  EXPECT_GT(third / full, 1.125);
}

TEST(NetworkOfDeepSeekV3, FlowsThatCollideUnderEcmpCostMoreThanOnePercentEvenOnRails) {
  const std::string rails = "kind = \"rail-optimised\", routing = ";
  const double balanced = step_on(rails + "\"adaptive\"", one_replica());
  const double hashed = step_on(rails + "\"ecmp\", seed = 1", one_replica());
  EXPECT_GT(hashed / balanced, 1.01);
}

}  // namespace
}  // namespace towtank
