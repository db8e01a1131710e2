// Quantities as people write and read them: "400 Gbit/s", "3.35 TB/s", "80 GiB", "19.93 s".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/base/units.hpp"

namespace towtank {

/// What a text was meant to be, and why it is not. `hint` shows a spelling that would be accepted.
struct QuantityProblem {
  std::string message;
  std::string hint;
};

/// A parsed number in base units, or what is wrong with the text.
struct ParsedQuantity {
  double si = 0.0;
  std::optional<QuantityProblem> problem;
};

/// The dimensions that scenario and profile files use.
enum class Dimension { kTime, kData, kBandwidth, kFlopRate, kPrice };

/// Reads "<number> <unit>". Only finite, non-negative numbers are accepted; a bare number or a unit
/// of another dimension is a problem whose hint shows an accepted spelling.
ParsedQuantity parse_quantity(std::string_view text, Dimension dimension);

/// Three significant digits and the unit that suits the size: "1.13 s", "128 ms", "3.70 us".
std::string format_time(Seconds time);
/// "66.2 GiB", "96.0 MiB".
std::string format_data(Bytes data);
/// "45.0 GB/s".
std::string format_bandwidth(Bandwidth bandwidth);
/// "$5.58M", "$238K", "$12".
std::string format_dollars(Dollars amount);
/// A count with thousands separators: "2,664,000".
std::string format_count(double count);

}  // namespace towtank
