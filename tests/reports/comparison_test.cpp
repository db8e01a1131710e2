#include "reports/comparison.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/comparison_json.hpp"
#include "reports/comparison_text.hpp"
#include "tests/reports/report_maker.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;
using testing::Not;

/// The small report with a faster NVLink, a dearer GPU and no published figure.
TrainingReport faster_nvlink() {
  TrainingReport report = small_report();
  report.scenario = "faster";
  report.step.time = 9.0 * second;
  report.critical_path = {{.cause = "gemm", .time = 6.0 * second, .error = 0.05},
                          {.cause = "attention", .time = 1.9 * second, .error = 0.03},
                          {.cause = "nic reduce-scatter", .time = 0.4 * second, .error = 0.15},
                          {.cause = "nic dispatch", .time = 0.7 * second, .error = 0.15}};
  report.total_gpu_hours = 1000.0;
  report.price = 3.0 * dollar / hour;
  report.total_dollars = 3000.0 * dollar;
  report.inputs = {{.key = "cluster.gpu", .value = "test-gpu"},
                   {.key = "cluster.nvlink.bandwidth", .value = "450 GB/s"},
                   {.key = "prices.per_gpu", .value = "3 $/h"}};
  return report;
}

const std::vector<TrainingReport> kPair = {small_report(), faster_nvlink()};

StepReason reason_of(const Difference& difference, const std::string& cause) {
  for (const StepReason& reason : difference.reasons) {
    if (reason.cause == cause) {
      return reason;
    }
  }
  ADD_FAILURE() << "no reason " << cause;
  return {};
}

double sum_of_reasons(const Difference& difference) {
  double sum = 0.0;
  for (const StepReason& reason : difference.reasons) {
    sum += reason.change().si();
  }
  return sum;
}

TEST(Differences, ReasonsSumToTheChangeOfTheStep) {
  const Difference difference = differences(kPair).at(0);
  EXPECT_DOUBLE_EQ(difference.step / second, -1.0);
  EXPECT_NEAR(sum_of_reasons(difference), -1.0, 1e-12);
}

TEST(Differences, TimeThatNoCauseExplainsIsAReasonToo) {
  std::vector<TrainingReport> reports = kPair;
  reports[1].step.time += 0.5 * second;
  const Difference difference = differences(reports).at(0);
  EXPECT_NEAR(sum_of_reasons(difference), -0.5, 1e-12);
  EXPECT_NEAR(reason_of(difference, kUnattributed).change() / second, 0.5, 1e-12);
}

TEST(Differences, LargestChangeComesFirst) {
  const Difference difference = differences(kPair).at(0);
  EXPECT_EQ(difference.reasons.front().cause, "nvlink reduce-scatter");
  for (std::size_t i = 1; i < difference.reasons.size(); ++i) {
    EXPECT_GE(std::abs(difference.reasons[i - 1].change().si()),
              std::abs(difference.reasons[i].change().si()));
  }
}

TEST(Differences, NameTheInputThatReachesTheCause) {
  const Difference difference = differences(kPair).at(0);
  EXPECT_EQ(reason_of(difference, "nvlink reduce-scatter").why,
            "NVLink bandwidth 200 GB/s -> 450 GB/s");
  EXPECT_EQ(reason_of(difference, "gemm").why, "unchanged");
  EXPECT_EQ(reason_of(difference, "nic reduce-scatter").why,
            "no longer hidden behind nvlink reduce-scatter");
  EXPECT_THAT(reason_of(difference, "attention").why, HasSubstr("none of its own inputs changed"));
  EXPECT_THAT(reason_of(difference, "nic dispatch").why, HasSubstr("none of its own inputs"));
}

TEST(Differences, MostSpecificInputComesFirstAndAFourthIsCounted) {
  std::vector<TrainingReport> reports = kPair;
  for (const char* key : {"plan.pipeline", "plan.schedule", "training.batch"}) {
    reports[0].inputs.push_back({.key = key, .value = "a"});
    reports[1].inputs.push_back({.key = key, .value = "b"});
  }
  const std::string why = reason_of(differences(reports).at(0), "nvlink reduce-scatter").why;
  EXPECT_EQ(why,
            "NVLink bandwidth 200 GB/s -> 450 GB/s, plan.pipeline a -> b, plan.schedule a -> b, 1 "
            "more");
}

TEST(Differences, ShowChangedInputsButNotWhatNeverEntersAProjection) {
  const Difference difference = differences(kPair).at(0);
  ASSERT_EQ(difference.inputs.size(), 2U);
  EXPECT_EQ(difference.inputs[0].key, "cluster.nvlink.bandwidth");
  EXPECT_EQ(difference.inputs[1].key, "prices.per_gpu");
}

TEST(Differences, AnInputOfOnlyOneIsEmptyInTheOther) {
  std::vector<TrainingReport> reports = kPair;
  reports[1].inputs.push_back({.key = "training.ramp.from", .value = "3072"});
  const Difference difference = differences(reports).at(0);
  ASSERT_EQ(difference.inputs.size(), 3U);
  EXPECT_EQ(difference.inputs[2].first, "");
  EXPECT_EQ(difference.inputs[2].other, "3072");
}

TEST(Differences, HoursAndPriceMakeUpTheWholeBill) {
  const BillChange bill = differences(kPair).at(0).bill;
  EXPECT_DOUBLE_EQ(bill.total() / dollar, 3000.0 - 2200.0);
  EXPECT_DOUBLE_EQ(bill.by_hours / dollar, -100.0 * 2.5);
  EXPECT_DOUBLE_EQ(bill.by_price / dollar, 1.0 * 1050.0);
}

TEST(Differences, AReportDoesNotDifferFromItself) {
  const std::vector<TrainingReport> same = {small_report(), small_report()};
  const Difference difference = differences(same).at(0);
  EXPECT_EQ(difference.step, Seconds{});
  EXPECT_TRUE(difference.inputs.empty());
  EXPECT_EQ(difference.bill.total(), Dollars{});
  const std::string text = comparison_text(same, Colour::kNever);
  EXPECT_THAT(text, HasSubstr("nothing: the steps are equal"));
}

TEST(Differences, EveryFurtherReportIsHeldAgainstTheFirst) {
  const std::vector<TrainingReport> three = {small_report(), faster_nvlink(), small_report()};
  const std::vector<Difference> found = differences(three);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].report, 2U);
  EXPECT_EQ(found[1].step, Seconds{});
}

TEST(ComparisonText, PutsFiguresSideBySide) {
  const std::string text = comparison_text(kPair, Colour::kNever);
  EXPECT_THAT(text, HasSubstr("10.00 s"));
  EXPECT_THAT(text, HasSubstr("9.00 s  -10.0%"));
  EXPECT_THAT(text, HasSubstr("90%: kernel and link errors only"));
  EXPECT_THAT(text, HasSubstr("What differs: small -> faster"));
  EXPECT_THAT(text, HasSubstr("cluster.nvlink.bandwidth  200 GB/s -> 450 GB/s"));
  EXPECT_THAT(text, HasSubstr("Why the total bill changes by +$800.00"));
  EXPECT_THAT(text, Not(HasSubstr("fits into memory")));
}

TEST(ComparisonText, SaysWhichPlanDoesNotFit) {
  std::vector<TrainingReport> reports = kPair;
  reports[1].memory.fits = false;
  const std::string text = comparison_text(reports, Colour::kNever);
  EXPECT_THAT(text, HasSubstr("fits into memory"));
  EXPECT_THAT(text, HasSubstr("NO"));
}

TEST(ComparisonJson, HoldsReportsAndDifferences) {
  const auto object = nlohmann::json::parse(comparison_json(kPair));
  EXPECT_EQ(object.at("schema"), "towtank.comparison/1");
  ASSERT_EQ(object.at("reports").size(), 2U);
  EXPECT_EQ(object.at("reports").at(1).at("schema"), "towtank.training/1");
  ASSERT_EQ(object.at("differences").size(), 1U);
  const auto& step = object.at("differences").at(0).at("step");
  double sum = 0.0;
  for (const auto& reason : step.at("reasons")) {
    sum += reason.at("change_seconds").get<double>();
  }
  EXPECT_NEAR(sum, step.at("change_seconds"), 1e-12);
}

}  // namespace
}  // namespace towtank
