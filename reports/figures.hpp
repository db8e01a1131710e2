// How the reports write figures, in one place.
#pragma once

#include <string>
#include <string_view>

#include "sim/base/units.hpp"
#include "sim/cost/run_cost.hpp"

namespace towtank {

/// "38.9%". Shares of 100% and more have no decimals.
std::string percent(double fraction);
/// "+4.2%", "-0.3%", "+0.0%"
std::string signed_percent(double fraction);
/// The difference of two shares: "+2.0 points"
std::string signed_points(double difference);
/// "+1.13 s", "-128 ms"
std::string signed_time(Seconds time);
/// "+$1.20M", "-$238.0K"
std::string signed_dollars(Dollars amount);
/// A large count in words: "14.8T", "62.9M", "4,096".
std::string short_count(double count);
/// GPU-hours: "2.664M", "119,000".
std::string hours_text(double gpu_hours);
/// "989 TFLOPS"
std::string flop_rate_text(FlopRate rate);
/// "$2.00"
std::string price_text(Price per_gpu);
/// What crosses wires, in the decimal units of their bandwidth: "9.21 GB", "14.3 TB"
std::string traffic_text(Bytes bytes);
/// The figure at a path of the JSON output, with the unit the path implies.
std::string metric_text(std::string_view metric, double value);
/// "$5.31M to $5.86M" at 90%, or nothing when the cost has no error.
std::string dollars_range(const RunCost& cost);

}  // namespace towtank
