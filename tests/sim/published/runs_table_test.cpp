#include "sim/published/runs_table.hpp"

#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/published/run_maker.hpp"

namespace towtank {
namespace {

using ::testing::HasSubstr;

TEST(RunsTable, ReadsCellsByTheirColumnsWhateverTheirOrder) {
  const auto runs =
      runs_of_table(table_of({{"id", "a"}, {"n_gpus", "512"}, {"mfu_pct", "41.5"}}), "runs.csv");
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].id, "a");
  EXPECT_EQ(runs[0].gpus, 512);
  EXPECT_DOUBLE_EQ(*runs[0].mfu, 0.415);
  EXPECT_FALSE(runs[0].tensor.has_value());
  EXPECT_EQ(runs[0].place.line, 2);
}

TEST(RunsTable, ABadCellIsAMistakeOfItsRowAlone) {
  const std::string text = table_of({{"id", "a"}, {"n_gpus", "many"}}) +
                           row_of({{"id", "b"}, {"n_gpus", "2.5"}}) + row_of({{"id", "c"}});
  const auto runs = runs_of_table(text, "runs.csv");
  ASSERT_EQ(runs.size(), 3U);
  ASSERT_EQ(runs[0].mistakes.size(), 1U);
  EXPECT_THAT(runs[0].mistakes[0], HasSubstr("n_gpus"));
  EXPECT_EQ(runs[1].mistakes.size(), 1U);
  EXPECT_TRUE(runs[2].mistakes.empty());
}

TEST(RunsTable, NegativeAndInfiniteFiguresAreMistakes) {
  for (const char* const figure : {"-1", "0", "inf", "nan", "1e999", "3 s", "0x10"}) {
    const auto runs = runs_of_table(table_of({{"id", "a"}, {"step_time_s", figure}}), "runs.csv");
    EXPECT_EQ(runs[0].mistakes.size(), 1U) << figure;
  }
}

TEST(RunsTable, AnotherHeaderIsRefusedWithWhatIsMissing) {
  try {
    runs_of_table("id,model,tpp\na,b,c\n", "runs.csv");
    FAIL() << "a table without GPUs";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("tpp"));
    EXPECT_THAT(error.what(), HasSubstr("n_gpus"));
  }
}

TEST(RunsTable, TwoRunsOfOneNameAreRefused) {
  EXPECT_THROW(runs_of_table(table_of({{"id", "a"}}) + row_of({{"id", "a"}}), "runs.csv"),
               InputError);
}

TEST(RunsTable, AnyTextIsReadOrRefusedAsInput) {
  std::mt19937 random(7);
  const std::string good = table_of({{"id", "a"}, {"n_gpus", "8"}, {"model", "x, \"y\""}});
  for (int i = 0; i < 2000; ++i) {
    std::string text = good;
    for (int change = 0; change < 3; ++change) {
      text[random() % text.size()] = "\",\n\r0a;"[random() % 7];
    }
    try {
      runs_of_table(text, "runs.csv");
    } catch (const InputError&) {
      continue;  // said what is wrong
    }
  }
}

}  // namespace
}  // namespace towtank
