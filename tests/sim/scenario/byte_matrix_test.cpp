#include "sim/scenario/byte_matrix.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

void expect_wrong(const std::string& text, int line, const std::string& message) {
  try {
    parse_byte_matrix(text, "pairs.csv");
    FAIL() << "accepted: " << text;
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1U);
    EXPECT_EQ(error.diagnostics().front().place.file, "pairs.csv");
    EXPECT_EQ(error.diagnostics().front().place.line, line) << text;
    EXPECT_THAT(error.diagnostics().front().message, HasSubstr(message));
  }
}

TEST(ByteMatrix, IsReadRowByRow) {
  const ByteMatrix matrix = parse_byte_matrix("0, 1e6,2\r\n3,0,4\n5,6,0\n\n", "pairs.csv");
  ASSERT_EQ(matrix.size, 3);
  EXPECT_EQ(matrix.bytes[1], 1 * MB);
  EXPECT_EQ(matrix.bytes[5], Bytes(4.0));
  EXPECT_EQ(matrix.bytes[6], Bytes(5.0));
}

TEST(ByteMatrix, SaysWhichLineIsWrong) {
  expect_wrong("0,1\n1,0,2\n", 2, "has 3 numbers, and line 1 has 2");
  expect_wrong("0,1\n", 1, "row 1 is the last, and there are 2 columns");
  expect_wrong("0,1\n1,0\n1,0\n", 3, "row 3, and there are 2 columns");
  expect_wrong("0,1\n-1,0\n", 2, "'-1' (number 1 of the line)");
  expect_wrong("0,1\n1 MB,0\n", 2, "'1 MB'");
  expect_wrong("0,nan\n1,0\n", 1, "'nan'");
  expect_wrong("0,1e99\n1,0\n", 1, "'1e99'");
  expect_wrong("0,\n1,0\n", 1, "''");
  expect_wrong("a,b\n0,1\n", 1, "'a'");
  expect_wrong("0,1\n\n1,0\n", 2, "is empty, and rows follow");
  expect_wrong("", 0, "no rows");
  expect_wrong("7\n", 0, "no rows");
  expect_wrong("5,0\n0,5\n", 0, "moves nothing");
}

TEST(ByteMatrix, IsNoFolder) {
  EXPECT_THROW(read_byte_matrix("/"), EnvironmentError);
  EXPECT_THROW(read_byte_matrix("/no/such/file.csv"), EnvironmentError);
}

// Whatever stands there: a matrix or one InputError.
TEST(ByteMatrix, SurvivesAnyText) {
  std::mt19937 random(1);
  const std::string letters = "0123456789,,,\n\n\r .e-+x\"\x01\xff";
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? "0,1,2\n3,0,4\n5,6,0\n" : "";
    for (std::size_t edits = random() % 6; edits > 0; --edits) {
      const std::size_t place = random() % (text.size() + 1);
      text.insert(place, 1, letters[random() % letters.size()]);
    }
    try {
      const ByteMatrix matrix = parse_byte_matrix(text, "pairs.csv");
      EXPECT_EQ(matrix.bytes.size(),
                static_cast<std::size_t>(matrix.size) * static_cast<std::size_t>(matrix.size));
      ++accepted;
    } catch (const InputError& error) {
      EXPECT_EQ(error.diagnostics().size(), 1U);
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace towtank
