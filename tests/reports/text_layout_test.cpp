#include "reports/text_layout.hpp"

#include <string>

#include <gtest/gtest.h>

namespace towtank {
namespace {

TEST(TextLayout, AlignsColumnsLeftAndRight) {
  const Lines lines = aligned({{"a", "1", "x"}, {"long", "100"}, {"b"}}, "lrl");
  EXPECT_EQ(lines, (Lines{"  a       1  x", "  long  100", "  b"}));
}

TEST(TextLayout, CountsCharactersNotBytesAndNoColours) {
  EXPECT_EQ(width_of("Zürich"), 6U);
  EXPECT_EQ(width_of(heading("abc", Colour::kTerminal)), 3U);
  EXPECT_EQ(heading("abc", Colour::kNever), "abc");
}

TEST(TextLayout, PutsBlocksOfAnyHeightBesideEachOther) {
  EXPECT_EQ(beside({"ab", "c"}, {"x"}, 2), (Lines{"ab  x", "c"}));
  EXPECT_EQ(beside({"ab"}, {"x", "y"}, 2), (Lines{"ab  x", "    y"}));
}

TEST(TextLayout, WrapsAtSpacesAndKeepsLongWordsWhole) {
  EXPECT_EQ(wrapped("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrapped("extraordinary", 5), (Lines{"extraordinary"}));
  EXPECT_EQ(wrapped("", 5), (Lines{""}));
}

}  // namespace
}  // namespace towtank
