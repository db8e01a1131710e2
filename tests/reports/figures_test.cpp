#include "reports/figures.hpp"

#include <gtest/gtest.h>

namespace towtank {
namespace {

TEST(Figures, AMetricHasTheUnitOfItsPath) {
  EXPECT_EQ(metric_text("step.seconds", 19.926), "19.93 s");
  EXPECT_EQ(metric_text("pair.seconds", 0.1285), "128.5 ms");
  EXPECT_EQ(metric_text("phases_seconds.bubble", 2.06), "2.06 s");
  EXPECT_EQ(metric_text("efficiency.mfu_causal", 0.3894), "38.9%");
  EXPECT_EQ(metric_text("efficiency.tflops_per_gpu_full", 432.0), "432.0 TFLOPS");
  EXPECT_EQ(metric_text("memory.peak_gib", 63.98), "64.0 GiB");
  EXPECT_EQ(metric_text("run.gpu_hours", 2.664e6), "2.664M h");
  EXPECT_EQ(metric_text("total.dollars", 5.576e6), "$5.576M");
  EXPECT_EQ(metric_text("run.days", 54.2), "54.2 days");
  EXPECT_EQ(metric_text("run.tokens", 14.8e12), "14.8T");
  EXPECT_EQ(metric_text("step.tokens_per_second_per_gpu", 1542.0), "1,542");
}

TEST(Figures, SignsAreShownAndNothingIsNegativeZero) {
  EXPECT_EQ(signed_percent(0.042), "+4.2%");
  EXPECT_EQ(signed_percent(-0.0001), "+0.0%");
  EXPECT_EQ(signed_time(-64.0 * millisecond), "-64.0 ms");
  EXPECT_EQ(signed_time(1.5 * second), "+1.50 s");
  EXPECT_EQ(signed_dollars(-16'500.0 * dollar), "-$16.5K");
}

TEST(Figures, CountsStayShort) {
  EXPECT_EQ(short_count(671e9), "671B");
  EXPECT_EQ(short_count(62'914'560.0), "62.91M");
  EXPECT_EQ(short_count(4096.0), "4,096");
  EXPECT_EQ(hours_text(5000.0), "5,000");
}

TEST(Figures, TrafficHasThreeDigitsAndDecimalUnits) {
  EXPECT_EQ(traffic_text(12.0 * byte), "12.0 B");
  EXPECT_EQ(traffic_text(9.996 * GB), "10.0 GB");
  EXPECT_EQ(traffic_text(528.4 * MB), "528 MB");
  EXPECT_EQ(traffic_text(999.6 * GB), "1.00 TB");
  EXPECT_EQ(traffic_text(25'000.0 * TB), "25.0 PB");
}

TEST(Figures, OnlyAnUncertainCostHasARange) {
  RunCost cost;
  cost.dollars = 1000.0 * dollar;
  EXPECT_EQ(dollars_range(cost), "");
  cost.error = 0.25;
  EXPECT_EQ(dollars_range(cost), "$750.00 to $1250.00");
}

}  // namespace
}  // namespace towtank
