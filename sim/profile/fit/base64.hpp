// Whole numbers as a fixed count of letters each, so that a fit's thousands of factors take two
// letters instead of five: base 64 with the alphabet of RFC 4648, the most significant letter
// first, offset so that zero is in the middle ("gA" of two letters).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace towtank {

inline constexpr int kMostBase64Letters = 3;

/// Greatest number, and greatest with a minus sign, that so many letters hold; 2047 for two.
long greatest_in_base64(int letters);

/// Appends the letters of a number, of which the absolute value is at most the greatest.
void write_base64(std::string& text, long number, int letters);

/// The number that these letters mean, nothing when one is not of the alphabet or they are none or
/// more than kMostBase64Letters.
std::optional<long> read_base64(std::string_view letters);

}  // namespace towtank
