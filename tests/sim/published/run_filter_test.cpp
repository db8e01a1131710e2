#include "sim/published/run_filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/published/run_maker.hpp"

namespace towtank {
namespace {

using ::testing::HasSubstr;

const PublishedRun& run() {
  static const PublishedRun kRun = run_of({{"id", "a"},
                                           {"gpu", "H100-80GB"},
                                           {"tp", "8"},
                                           {"source", "MegaScale (arXiv 2402.15627)"},
                                           {"step_time_s", "2.50"}});
  return kRun;
}

TEST(RunFilter, EveryConditionMustHold) {
  EXPECT_TRUE(matches(parse_run_filter(""), run()));
  EXPECT_TRUE(matches(parse_run_filter("gpu=h100-80gb,tp>4,source~megascale"), run()));
  EXPECT_FALSE(matches(parse_run_filter("gpu=h100-80gb,tp>8"), run()));
  EXPECT_FALSE(matches(parse_run_filter("gpu!=H100-80GB"), run()));
  EXPECT_TRUE(matches(parse_run_filter("step_time_s=2.5"), run()));  // a number, not its spelling
}

TEST(RunFilter, ABlankCellIsNeitherLessNorGreater) {
  EXPECT_FALSE(matches(parse_run_filter("pp<100"), run()));
  EXPECT_FALSE(matches(parse_run_filter("pp>0"), run()));
  EXPECT_TRUE(matches(parse_run_filter("pp="), run()));
}

TEST(RunFilter, AnUnknownColumnIsNamedWithTheNearest) {
  try {
    parse_run_filter("gpus=8");
    FAIL() << "there is no column gpus";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("gpus"));
  }
  EXPECT_THROW(parse_run_filter("gpu"), InputError);
  EXPECT_THROW(parse_run_filter("gpu!"), InputError);
  EXPECT_THROW(parse_run_filter("tp>many"), InputError);
  EXPECT_THROW(parse_run_filter("=,="), InputError);
}

}  // namespace
}  // namespace towtank
