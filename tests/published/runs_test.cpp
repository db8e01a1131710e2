// The training runs that are shipped with the program, each projected and held against what was
// measured. Tolerances are of the whole set: single runs differ by what no table of runs states.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/published/run_case.hpp"
#include "sim/published/runs_table.hpp"
#include "sim/published/score.hpp"

namespace towtank {
namespace {

const std::vector<RunCase>& cases() {
  static const std::vector<RunCase> kCases = [] {
    const std::string data = TOWTANK_SOURCE_DIR;
    const RunLibrary library(data);
    KernelTimesOfProfiles kernels;
    std::vector<RunCase> answers;
    for (const PublishedRun& run : read_runs_table(data + "/scenarios/published/runs.csv")) {
      answers.push_back(answer(run, library, kernels));
    }
    return answers;
  }();
  return kCases;
}

TEST(PublishedRuns, AreAllProjected) {
  for (const RunCase& row : cases()) {
    EXPECT_TRUE(row.projected.has_value()) << row.id << ": " << row.reason;
  }
}

TEST(PublishedRuns, AreNearWhatWasMeasured) {
  const Score score = score_of(cases());
  EXPECT_EQ(score.covered, cases().size());
  EXPECT_LE(score.errors.median_abs, 0.07);
  EXPECT_LE(score.errors.mean_abs, 0.12);
}

}  // namespace
}  // namespace towtank
