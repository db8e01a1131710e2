// Every run of the reference table, where it is at hand: the figures that the project promises.
// Stacks are fitted to these rows, so that this holds the fit; what it is worth on others,
// `towtank validate fit` says.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/published/run_case.hpp"
#include "sim/published/runs_table.hpp"
#include "sim/published/score.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

fs::path table() {
  const char* const set = std::getenv("TOWTANK_REFERENCE");
  return (set != nullptr ? fs::path(set) : fs::path(TOWTANK_SOURCE_DIR) / "../shared/reference") /
         "runs/training-runs.csv";
}

/// Every second row, from `first` on.
std::vector<RunCase> answers_from(const std::vector<PublishedRun>& runs, std::size_t first) {
  const RunLibrary library(TOWTANK_SOURCE_DIR);
  KernelTimesOfProfiles kernels;
  std::vector<RunCase> answers;
  for (std::size_t i = first; i < runs.size(); i += 2) {
    answers.push_back(answer(runs[i], library, kernels));
  }
  return answers;
}

class AllRuns : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(table())) {
      GTEST_SKIP() << "no table of runs at " << table();
    }
  }

  static const std::vector<RunCase>& cases() {
    static const std::vector<RunCase> kCases = [] {
      const std::vector<PublishedRun> runs = read_runs_table(table().string());
      auto odd = std::async(std::launch::async, [&runs] { return answers_from(runs, 1); });
      std::vector<RunCase> all = answers_from(runs, 0);
      const std::vector<RunCase> others = odd.get();
      all.insert(all.end(), others.begin(), others.end());
      return all;
    }();
    return kCases;
  }

  /// Mean absolute error of the rows whose id begins so.
  static double mean_error(const std::string& id) {
    double sum = 0.0;
    int rows = 0;
    for (const RunCase& row : cases()) {
      if (row.id.starts_with(id) && row.error()) {
        sum += std::abs(*row.error());
        ++rows;
      }
    }
    EXPECT_GT(rows, 0) << id;
    return sum / std::max(rows, 1);
  }
};

TEST_F(AllRuns, AreProjectedAsNearAsPromised) {
  const Score score = score_of(cases());
  EXPECT_GE(score.coverage(), 0.85);
  EXPECT_LE(score.errors.median_abs, 0.07);
  EXPECT_LE(score.errors.mean_abs, 0.105);
  EXPECT_LE(std::abs(score.errors.bias), 0.03);
  EXPECT_GE(score.errors.inside_range, 0.8);
  EXPECT_LE(score.errors.inside_range, 0.96);
}

TEST_F(AllRuns, OfASweepComeInTheirOrder) {
  const Score score = score_of(cases());
  ASSERT_TRUE(score.median_spearman.has_value());
  EXPECT_GE(*score.median_spearman, 0.9);
}

TEST_F(AllRuns, OfDeepSeekV3OnItsOwnClusterAreWithinSevenPercent) {
  EXPECT_LE(mean_error("dsv3-"), 0.07);
}

TEST_F(AllRuns, OfKorthikantisLadderAreNear) {
  EXPECT_LE(mean_error("korthikanti22-"), 0.06);
}

}  // namespace
}  // namespace towtank
