#include "reports/training_text.hpp"

#include <algorithm>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/reports/report_maker.hpp"

namespace towtank {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// The line that holds `text`; empty if none does.
std::string line_with(const std::string& all, const std::string& text) {
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(text) != std::string::npos) {
      return line;
    }
  }
  return "";
}

const std::string kText = training_text(small_report(), Colour::kNever);

TEST(TrainingText, BeginsWithTheQuestionAndTheAnswer) {
  EXPECT_TRUE(kText.starts_with("A small model on 16 GPUs\n"));
  EXPECT_THAT(kText,
              HasSubstr("Step 10.0 s  (9.00 s to 11.0 s: 90%, kernel and link errors only)"));
  EXPECT_THAT(line_with(kText, "price"), HasSubstr("$2.00 a GPU-hour (a price list)"));
}

TEST(TrainingText, ShowsEveryPhaseWithItsShare) {
  EXPECT_THAT(line_with(kText, "overlapped"), HasSubstr("5.00 s  50.0%"));
  EXPECT_THAT(line_with(kText, "bubble"), HasSubstr("1.25 s  12.5%"));
  EXPECT_THAT(line_with(kText, "waiting for links"), HasSubstr("750 ms   7.5%"));
}

TEST(TrainingText, ShowsWhatTheStepWaitsForLargestFirst) {
  const std::size_t block = kText.find("critical path");
  EXPECT_LT(kText.find("gemm", block), kText.find("attention", block));
  EXPECT_THAT(line_with(kText, "nvlink reduce-scatter"), HasSubstr("1.50 s  15.0%"));
  EXPECT_THAT(kText, Not(HasSubstr("everything else")));
}

TEST(TrainingText, SumsUpCausesBeyondTheEighth) {
  TrainingReport report = small_report();
  report.critical_path.clear();
  for (int i = 0; i < 10; ++i) {
    report.critical_path.push_back(
        {.cause = "cause " + std::to_string(i), .time = 1.0 * second, .error = 0.0});
  }
  const std::string text = training_text(report, Colour::kNever);
  EXPECT_THAT(text, HasSubstr("cause 7"));
  EXPECT_THAT(text, Not(HasSubstr("cause 8")));
  EXPECT_THAT(line_with(text, "everything else"), HasSubstr("2.00 s  20.0%"));
}

TEST(TrainingText, SaysWhichWiresOfTheFabricTheStepWaitsFor) {
  TrainingReport report = small_report();
  EXPECT_THAT(kText, HasSubstr("  nic  50.0%  of 50.0 GB/s, rank 1"));
  EXPECT_THAT(kText, Not(HasSubstr("  the step waits")));
  report.links.push_back({.name = "leaf up",
                          .pipeline = std::nullopt,
                          .utilisation = 0.75,
                          .carried = 6.0 * TB,
                          .capacity = 800.0 * GB / second,
                          .cables = 16,
                          .links = 43,
                          .as_busy = 42,
                          .mean_utilisation = 0.7,
                          .limits = 3.0 * second});
  const std::string text = training_text(report, Colour::kNever);
  EXPECT_THAT(line_with(text, "  leaf up"),
              HasSubstr("75.0%  of 800 GB/s in 16 cables, mean of 43: 70.0%"));
  EXPECT_THAT(text, HasSubstr("the step waits 3.00 s (30.0%) for leaf up"));
  report.links.back().as_busy = 43;
  report.links.back().cables = 1;
  EXPECT_THAT(line_with(training_text(report, Colour::kNever), "  leaf up"),
              HasSubstr("75.0%  of 800 GB/s, as all 43"));
}

TEST(TrainingText, StatesBothRankGridsAsProducts) {
  EXPECT_THAT(line_with(kText, "dense grid"), HasSubstr("PP 2 x DP 4 x CP 2 x TP 1 = 16,"));
  EXPECT_THAT(line_with(kText, "dense grid"), HasSubstr("8 ranks a node"));
  EXPECT_THAT(line_with(kText, "expert grid"), HasSubstr("PP 2 x EDP 2 x EP 4 = 16,"));
}

TEST(TrainingText, SaysWhatARankSendsToWhichGroupsAndAddsItUp) {
  EXPECT_THAT(line_with(kText, "expert dispatch"),
              testing::ContainsRegex("4 +4 +1 +2.50 GB +- +40.0 GB"));
  EXPECT_THAT(line_with(kText, "  pipeline "),
              testing::ContainsRegex("8 +2 +2 +- +125 MB +2.00 GB"));
  EXPECT_THAT(line_with(kText, "all of it"), testing::ContainsRegex("2.50 GB +125 MB +42.0 GB"));
}

TEST(TrainingText, TotalsTheBillWithItsRange) {
  EXPECT_THAT(line_with(kText, "main run"), HasSubstr("$2000.00  $1800.00 to $2200.00"));
  const std::string total = line_with(kText, "  total");
  EXPECT_THAT(total, HasSubstr("1,100"));
  EXPECT_THAT(total, HasSubstr("$2200.00  $2000.00 to $2400.00"));
}

TEST(TrainingText, HoldsTheProjectionAgainstPublishedFigures) {
  const std::string line = line_with(kText, "step.seconds");
  EXPECT_THAT(line, HasSubstr("8.00 s"));
  EXPECT_THAT(line, HasSubstr("10.00 s"));
  EXPECT_THAT(line, HasSubstr("+25.0%  a paper"));
}

TEST(TrainingText, SaysWhatTheScenarioWasPublishedWithout) {
  EXPECT_THAT(kText, HasSubstr("\nAgainst published figures\n"));
  TrainingReport report = small_report();
  report.overrides = {"published"};
  EXPECT_EQ(training_text(report, Colour::kNever), kText);
  report.overrides = {"plan.pipeline", "prices.base"};
  EXPECT_THAT(training_text(report, Colour::kNever),
              HasSubstr("\nAgainst published figures, which are of the scenario without --set "
                        "plan.pipeline, prices.base\n"));
}

TEST(TrainingText, MissesWithADashWhatTheProjectionDoesNotHave) {
  TrainingReport report = small_report();
  report.published = {
      {.metric = "pair.seconds", .published = 0.128, .projected = {}, .source = "a paper"}};
  EXPECT_THAT(line_with(training_text(report, Colour::kNever), "pair.seconds"),
              testing::ContainsRegex("128.0 ms +- +-  a paper"));
}

TEST(TrainingText, MissesUtilisationByPoints) {
  TrainingReport report = small_report();
  report.published = {
      {.metric = "efficiency.mfu_causal", .published = 0.38, .projected = 0.40, .source = "x"}};
  EXPECT_THAT(line_with(training_text(report, Colour::kNever), "efficiency.mfu_causal"),
              HasSubstr("+2.0 points"));
}

TEST(TrainingText, CountsOneClassAsOne) {
  TrainingReport report = small_report();
  EXPECT_THAT(kText, HasSubstr("16 GPUs folded into 2 classes."));
  report.engine.classes = 1;
  EXPECT_THAT(training_text(report, Colour::kNever), HasSubstr("16 GPUs folded into 1 class."));
}

TEST(TrainingText, NamesThePhaseThatNeedsMostMemoryUnlessItIsTheMainRun) {
  TrainingReport report = small_report();
  EXPECT_THAT(kText, HasSubstr("(pipeline rank 1)"));
  report.memory.phase = "32K context extension";
  EXPECT_THAT(training_text(report, Colour::kNever),
              HasSubstr("(pipeline rank 1, 32K context extension)"));
}

TEST(TrainingText, LeavesPublishedFiguresOutWhenThereAreNone) {
  TrainingReport report = small_report();
  report.published.clear();
  EXPECT_THAT(training_text(report, Colour::kNever), Not(HasSubstr("published")));
}

TEST(TrainingText, DoesNotDependOnTheWallTime) {
  TrainingReport slower = small_report();
  slower.engine.wall_seconds = 99.0;
  EXPECT_EQ(training_text(slower, Colour::kNever), kText);
}

TEST(TrainingText, ColoursNothingButTheTerminal) {
  EXPECT_EQ(kText.find('\033'), std::string::npos);
  std::string coloured = training_text(small_report(), Colour::kTerminal);
  EXPECT_NE(coloured.find('\033'), std::string::npos);
  for (std::size_t at = coloured.find('\033'); at != std::string::npos;
       at = coloured.find('\033')) {
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  }
  EXPECT_EQ(coloured, kText);
}

TEST(TrainingText, NoLineEndsInSpaces) {
  EXPECT_EQ(kText.find(" \n"), std::string::npos);
}

TEST(RanksText, HasARowForEveryRank) {
  const std::string text = ranks_text(small_report(), Colour::kNever);
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
  EXPECT_THAT(text, HasSubstr("60.0 GiB"));
  EXPECT_THAT(text, HasSubstr("64.0 GiB"));
}

TEST(MemoryOverflow, IsSilentWhenThePlanFits) {
  EXPECT_EQ(memory_overflow(small_report().memory), "");
}

TEST(MemoryOverflow, NamesTheRankAndTheLargestClass) {
  TrainingReport report = small_report();
  report.memory.peak = 100.0 * GiB;
  report.memory.fits = false;
  EXPECT_EQ(memory_overflow(report.memory),
            "does not fit: pipeline rank 1 needs 100 GiB of 80.0 GiB; most of it is activations "
            "(40.0 GiB)");
  EXPECT_THAT(training_text(report, Colour::kNever), HasSubstr("DOES NOT FIT"));
}

TEST(MemoryOverflow, SaysWhenAndWhatWouldMakeItFit) {
  TrainingReport report = small_report();
  report.memory.fits = false;
  report.memory.moment = "forward pass of micro-batch 3 through stage 0";
  report.memory.fix = {"tensor = 2", "data = 4"};
  EXPECT_THAT(memory_overflow(report.memory),
              AllOf(HasSubstr(", the peak is in the forward pass of micro-batch 3 through stage 0"),
                    HasSubstr("\n  hint: it fits with tensor = 2, data = 4")));
}

}  // namespace
}  // namespace towtank
