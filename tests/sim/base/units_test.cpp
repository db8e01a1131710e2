#include "sim/base/units.hpp"

#include <type_traits>

#include <gtest/gtest.h>

namespace towtank {
namespace {

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};

TEST(Units, AddingSecondsToBytesDoesNotCompile) {
  static_assert(Addable<Seconds, Seconds>);
  static_assert(!Addable<Seconds, Bytes>);
  static_assert(!Addable<Bandwidth, FlopRate>);
  static_assert(!Addable<Seconds, double>);
  SUCCEED();
}

TEST(Units, DataOverTimeIsBandwidthAndDataOverBandwidthIsTime) {
  static_assert(std::is_same_v<decltype(GB / second), Bandwidth>);
  static_assert(std::is_same_v<decltype(GB / (GB / second)), Seconds>);
  static_assert(std::is_same_v<decltype(TFLOP / second), FlopRate>);
  static_assert(std::is_same_v<decltype(dollar / hour), Price>);
  const Seconds transfer = 100.0 * GB / (50.0 * GB / second);
  EXPECT_DOUBLE_EQ(transfer / second, 2.0);
}

TEST(Units, QuotientOfTheSameDimensionIsABareNumber) {
  static_assert(std::is_same_v<decltype(hour / second), double>);
  static_assert(std::is_same_v<decltype((1.0 / second) * second), double>);
  EXPECT_DOUBLE_EQ(day / hour, 24.0);
  EXPECT_DOUBLE_EQ(GiB / MiB, 1024.0);
}

TEST(Units, PriceTimesGpuTimeIsMoney) {
  const Price price = 2.0 * dollar / hour;
  const Dollars bill = price * (2664000.0 * hour);  // the published pre-training of DeepSeek-V3
  EXPECT_NEAR(bill / dollar, 5.328e6, 1e-3);
}

TEST(Units, QuantitiesOrderBySize) {
  EXPECT_LT(microsecond, millisecond);
  EXPECT_GT(GiB, GB);
  EXPECT_EQ(minute, 60.0 * second);
  EXPECT_EQ(second - millisecond, 999.0 * millisecond);
}

}  // namespace
}  // namespace towtank
