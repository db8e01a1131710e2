// What a scenario may hold against published figures is what the report prints.
#include "sim/scenario/metrics.hpp"

#include <string>

#include <gtest/gtest.h>

#include "reports/training_json.hpp"
#include "tests/reports/report_maker.hpp"

namespace towtank {
namespace {

TEST(PublishedMetrics, AllAreNumbersOfTheReport) {
  ASSERT_FALSE(published_metrics().empty());
  for (const std::string& metric : published_metrics()) {
    EXPECT_TRUE(report_metric(small_report(), metric).has_value()) << metric;
  }
}

}  // namespace
}  // namespace towtank
