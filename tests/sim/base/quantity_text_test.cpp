#include "sim/base/quantity_text.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using testing::HasSubstr;

constexpr std::array kDimensions = {Dimension::kTime,
                                    Dimension::kData,
                                    Dimension::kBandwidth,
                                    Dimension::kFlopRate,
                                    Dimension::kPrice};

double parsed(std::string_view text, Dimension dimension) {
  const ParsedQuantity quantity = parse_quantity(text, dimension);
  EXPECT_FALSE(quantity.problem) << text << ": " << quantity.problem->message;
  return quantity.si;
}

QuantityProblem problem(std::string_view text, Dimension dimension) {
  const ParsedQuantity quantity = parse_quantity(text, dimension);
  EXPECT_TRUE(quantity.problem) << text << " was accepted as " << quantity.si;
  return quantity.problem.value_or(QuantityProblem{});
}

TEST(QuantityText, BitsPerSecondAreAnEighthOfBytesPerSecond) {
  EXPECT_DOUBLE_EQ(parsed("400 Gbit/s", Dimension::kBandwidth),
                   parsed("50 GB/s", Dimension::kBandwidth));
}

TEST(QuantityText, BinaryAndDecimalPrefixesDiffer) {
  EXPECT_DOUBLE_EQ(parsed("80 GiB", Dimension::kData), (80.0 * GiB).si());
  EXPECT_DOUBLE_EQ(parsed("80 GB", Dimension::kData), (80.0 * GB).si());
}

TEST(QuantityText, SpacesAreFree) {
  EXPECT_DOUBLE_EQ(parsed("3.7us", Dimension::kTime), parsed("  3.7   us ", Dimension::kTime));
}

TEST(QuantityText, PriceIsPerHour) {
  EXPECT_DOUBLE_EQ(Price(parsed("2.00 $/h", Dimension::kPrice)) * hour / dollar, 2.0);
}

TEST(QuantityText, BareNumberIsAProblemWhoseHintIsAccepted) {
  for (const Dimension dimension : kDimensions) {
    const QuantityProblem bare = problem("400", dimension);
    EXPECT_THAT(bare.message, HasSubstr("bare number"));
    const std::size_t open = bare.hint.find('"');
    ASSERT_NE(open, std::string::npos) << bare.hint;
    const std::size_t close = bare.hint.find('"', open + 1);
    EXPECT_GT(parsed(bare.hint.substr(open + 1, close - open - 1), dimension), 0.0);
  }
}

TEST(QuantityText, UnitOfAnotherDimensionIsNamed) {
  const QuantityProblem wrong = problem("80 GiB", Dimension::kBandwidth);
  EXPECT_THAT(wrong.message, HasSubstr("an amount of data"));
  EXPECT_THAT(wrong.message, HasSubstr("expected a bandwidth"));
}

TEST(QuantityText, MisspeltUnitIsSuggested) {
  EXPECT_THAT(problem("400 Gbits/s", Dimension::kBandwidth).hint, HasSubstr("Gbit/s"));
}

TEST(QuantityText, OnlyFiniteNonNegativeNumbersAreAccepted) {
  for (const char* text :
       {"", " ", "s", "-1 s", "nan s", "inf s", "1e999 s", "0x10 s", "1,5 s", "--1 s"}) {
    problem(text, Dimension::kTime);
  }
}

TEST(QuantityText, TimesPrintInTheUnitThatSuitsThem) {
  EXPECT_EQ(format_time(1.13 * second), "1.13 s");
  EXPECT_EQ(format_time(0.1285 * second), "128 ms");
  EXPECT_EQ(format_time(3.7 * microsecond), "3.70 us");
  EXPECT_EQ(format_time(54.25 * day), "54.2 days");
  EXPECT_EQ(format_time(Seconds()), "0 s");
}

TEST(QuantityText, PrintedQuantitiesReadBackWithinTheirThreeDigits) {
  for (const double value : {1.234, 12.34, 123.4, 999.4}) {
    const Seconds time = value * microsecond;
    EXPECT_NEAR(parsed(format_time(time), Dimension::kTime), time.si(), 0.005 * time.si());
    const Bytes data = value * MiB;
    EXPECT_NEAR(parsed(format_data(data), Dimension::kData), data.si(), 0.005 * data.si());
    const Bandwidth link = value * GB / second;
    EXPECT_NEAR(
        parsed(format_bandwidth(link), Dimension::kBandwidth), link.si(), 0.005 * link.si());
  }
}

TEST(QuantityText, CountsAndDollarsReadLikeTheReports) {
  EXPECT_EQ(format_count(2664000.0), "2,664,000");
  EXPECT_EQ(format_count(999.0), "999");
  EXPECT_EQ(format_count(-1234.0), "-1,234");
  EXPECT_EQ(format_dollars(5.576e6 * dollar), "$5.576M");
}

}  // namespace
}  // namespace towtank
