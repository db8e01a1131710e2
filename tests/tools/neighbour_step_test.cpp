// A scenario beside its neighbours, from the files to what is printed.
#include "tools/neighbour_step.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/training_json.hpp"
#include "reports/training_text.hpp"
#include "tests/sim/scenario/scenario_files.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

/// A job of 16 GPUs on 2 nodes; PLACE is for the nodes it has.
std::string small_job() {
  return "base = \"" + shipped(kH800) + "\"\n" + R"(
[plan]
pipeline = 2
expert = 8
PLACE
[model]
layers = 4
[training]
batch = 64
extension = []
[training.ramp]
from = 64
)";
}

/// Two such jobs on the 4 nodes of a fat tree.
class TwoSmallJobs : public testing::Test {
 protected:
  Scenario scenario(const std::string& own, const std::string& neighbours, double ratio) const {
    const std::string cluster = "[cluster]\nbase = \"" + shipped("clusters/h800-16.toml") + "\"\n";
    std::string job = small_job();
    job.replace(job.find("PLACE"), 5, "");
    folder_.write("other.toml", job + cluster);
    job = small_job();
    job.replace(job.find("PLACE"), 5, "nodes = \"" + own + "\"");
    const std::string fabric =
        "nodes = 4\nfabric = {kind = \"fat-tree\", radix = 16, "
        "oversubscription = " +
        std::to_string(ratio) + "}\n";
    const std::string neighbour =
        "[[neighbour]]\nscenario = \"other.toml\"\nnodes = \"" + neighbours + "\"\n";
    return read_scenario(folder_.write("own.toml", job + cluster + fabric + neighbour), {});
  }

  TemporaryFolder folder_;
};

TEST_F(TwoSmallJobs, DoNotMeetOnAFullTree) {
  const Scenario both = scenario("0, 2", "1, 3", 1.0);
  const TrainingReport report = project_training(both, profile_for(both), Folding::kFolded);
  ASSERT_TRUE(report.neighbours);
  EXPECT_EQ(report.neighbours->beside, report.step.time);
  EXPECT_EQ(report.neighbours->slowdown, 1.0);
}

TEST_F(TwoSmallJobs, CostEachOtherTimeOnSharedUplinks) {
  const Scenario both = scenario("0, 2", "1, 3", 3.0);
  const TrainingReport report = project_training(both, profile_for(both), Folding::kFolded);
  ASSERT_TRUE(report.neighbours);
  EXPECT_GT(report.neighbours->slowdown, 1.01);
  EXPECT_DOUBLE_EQ(report.neighbours->slowdown, report.neighbours->beside / report.step.time);
  ASSERT_EQ(report.neighbours->jobs.size(), 1U);
  EXPECT_EQ(report.neighbours->jobs[0].name, "other");
  EXPECT_EQ(report.neighbours->jobs[0].gpus, 8 * report.neighbours->jobs[0].nodes);
  EXPECT_THAT(training_text(report, Colour::kNever),
              testing::HasSubstr(" beside other (16 GPUs on 2 nodes) (+"));
  EXPECT_THAT(training_json(report), testing::HasSubstr("\"neighbours\""));
}

TEST_F(TwoSmallJobs, TakeAsLongWithEveryGpuByItself) {
  const Scenario both = scenario("0, 2", "1, 3", 3.0);
  const Profile profile = profile_for(both);
  const KernelTimes kernels(profile);
  const auto time = [&](Folding folding) {
    return step_beside_neighbours(both, kernels, folding, Engine::kTowtank).time.si();
  };
  EXPECT_NEAR(time(Folding::kFolded), time(Folding::kUnfolded), 1e-9 * time(Folding::kFolded));
}

}  // namespace
}  // namespace towtank
