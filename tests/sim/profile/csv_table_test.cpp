#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/tables/csv_text.hpp"

namespace towtank {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<Diagnostic> mistakes(std::string_view text) {
  try {
    const CsvText csv(text, "table.csv");
  } catch (const InputError& error) {
    return error.diagnostics();
  }
  return {};
}

TEST(CsvText, NamesColumnsByTheFirstLineAndKeepsRowsWithTheirLines) {
  const CsvText csv("m,n\n1,2\n\n3,4\n", "table.csv");
  EXPECT_THAT(csv.columns(), ElementsAre("m", "n"));
  ASSERT_EQ(csv.rows(), 2U);
  EXPECT_EQ(csv.field(0, 1), "2");
  EXPECT_EQ(csv.field(1, 0), "3");
  EXPECT_EQ(csv.line(0), 2U);
  EXPECT_EQ(csv.line(1), 4U);
}

TEST(CsvText, CountsLinesAlikeHoweverTheyEnd) {
  for (const std::string_view text : {"m,n\n1,2\n\n3,4", "m,n\r\n1,2\r\n\r\n3,4"}) {
    const CsvText csv(text, "table.csv");
    ASSERT_EQ(csv.rows(), 2U);
    EXPECT_EQ(csv.line(0), 2U);
    EXPECT_EQ(csv.line(1), 4U);
    EXPECT_EQ(csv.field(1, 1), "4");
  }
}

TEST(CsvText, ReadsQuotedFieldsWithCommasQuotesAndNewlines) {
  const CsvText csv("kernel,time\n\"a<1, 2>\",5\n\"say \"\"b\"\"\nc\",6\nd,7\n", "table.csv");
  ASSERT_EQ(csv.rows(), 3U);
  EXPECT_EQ(csv.field(0, 0), "a<1, 2>");
  EXPECT_EQ(csv.field(1, 0), "say \"b\"\nc");
  EXPECT_EQ(csv.line(2), 5U) << "a newline inside quotes is a line of the file";
}

TEST(CsvText, PassesOverLinesOfCommasAlone) {
  const CsvText csv("m,n\n,\n1,2\n", "table.csv");
  ASSERT_EQ(csv.rows(), 1U);
  EXPECT_EQ(csv.field(0, 0), "1");
  EXPECT_EQ(csv.line(0), 3U);
}

TEST(CsvText, PassesOverTheByteOrderMarkOfSpreadsheets) {
  const CsvText csv("\xEF\xBB\xBFm,n\n1,2\n", "table.csv");
  EXPECT_THAT(csv.columns(), ElementsAre("m", "n"));
}

TEST(CsvText, EmptyFieldsStayEmpty) {
  const CsvText csv(",m\n0,\n", "table.csv");
  EXPECT_EQ(csv.columns()[0], "");
  EXPECT_EQ(csv.field(0, 1), "");
}

TEST(CsvText, NamesEveryLineWithAnotherNumberOfFields) {
  const std::vector<Diagnostic> found = mistakes("m,n\n1,2\n1\n1,2,3\n4,5\n");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(to_string(found[0].place), "table.csv:3");
  EXPECT_EQ(found[0].message, "1 fields where the columns are 2");
  EXPECT_EQ(to_string(found[1].place), "table.csv:4");
}

TEST(CsvText, NamesTenMistakesAtMost) {
  std::string text = "m,n\n";
  for (int row = 0; row < 50; ++row) {
    text += "1\n";
  }
  EXPECT_THAT(mistakes(text), SizeIs(10));
}

TEST(CsvText, RefusesQuotationMarksOutOfPlace) {
  for (const std::string text : {"m,n\n\"1,2\n", "m,n\n1,a\"b\n"}) {
    const std::vector<Diagnostic> found = mistakes(text);
    ASSERT_THAT(found, SizeIs(1)) << text;
    EXPECT_THAT(found[0].message, HasSubstr("quotation mark"));
    EXPECT_EQ(found[0].place.line, 2);
  }
}

TEST(CsvText, RefusesColumnsOfTheSameName) {
  ASSERT_THAT(mistakes("m,n,m\n1,2,3\n"), SizeIs(1));
  EXPECT_THAT(mistakes("m,n,m\n1,2,3\n")[0].message, HasSubstr("'m'"));
}

TEST(CsvText, RefusesNothing) {
  for (const std::string text : {"", "\n\n", ",,\n"}) {
    ASSERT_THAT(mistakes(text), SizeIs(1));
    EXPECT_EQ(mistakes(text)[0].message, "is empty");
  }
}

}  // namespace
}  // namespace towtank
