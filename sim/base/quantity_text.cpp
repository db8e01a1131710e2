#include "sim/base/quantity_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"
#include "sim/base/trimmed.hpp"

namespace towtank {
namespace {

struct Unit {
  std::string_view name;
  Dimension dimension;
  double si;
};

constexpr std::array kUnits = {
    Unit{"ns", Dimension::kTime, 1e-9},
    Unit{"us", Dimension::kTime, 1e-6},
    Unit{"ms", Dimension::kTime, 1e-3},
    Unit{"s", Dimension::kTime, 1.0},
    Unit{"min", Dimension::kTime, 60.0},
    Unit{"h", Dimension::kTime, 3600.0},
    Unit{"days", Dimension::kTime, 86400.0},
    Unit{"B", Dimension::kData, 1.0},
    Unit{"KB", Dimension::kData, 1e3},
    Unit{"MB", Dimension::kData, 1e6},
    Unit{"GB", Dimension::kData, 1e9},
    Unit{"TB", Dimension::kData, 1e12},
    Unit{"KiB", Dimension::kData, 1024.0},
    Unit{"MiB", Dimension::kData, 1024.0 * 1024.0},
    Unit{"GiB", Dimension::kData, 1024.0 * 1024.0 * 1024.0},
    Unit{"TiB", Dimension::kData, 1024.0 * 1024.0 * 1024.0 * 1024.0},
    Unit{"PiB", Dimension::kData, 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0},
    Unit{"MB/s", Dimension::kBandwidth, 1e6},
    Unit{"GB/s", Dimension::kBandwidth, 1e9},
    Unit{"TB/s", Dimension::kBandwidth, 1e12},
    Unit{"Mbit/s", Dimension::kBandwidth, 1e6 / 8.0},
    Unit{"Gbit/s", Dimension::kBandwidth, 1e9 / 8.0},
    Unit{"Tbit/s", Dimension::kBandwidth, 1e12 / 8.0},
    Unit{"GFLOPS", Dimension::kFlopRate, 1e9},
    Unit{"TFLOPS", Dimension::kFlopRate, 1e12},
    Unit{"PFLOPS", Dimension::kFlopRate, 1e15},
    Unit{"$/h", Dimension::kPrice, 1.0 / 3600.0},
};

std::string_view example(Dimension dimension) {
  switch (dimension) {
    case Dimension::kTime:
      return "3.7 us";
    case Dimension::kData:
      return "80 GiB";
    case Dimension::kBandwidth:
      return "400 Gbit/s";
    case Dimension::kFlopRate:
      return "989 TFLOPS";
    case Dimension::kPrice:
      return "2.00 $/h";
  }
  return "";
}

std::string_view noun(Dimension dimension) {
  switch (dimension) {
    case Dimension::kTime:
      return "a time";
    case Dimension::kData:
      return "an amount of data";
    case Dimension::kBandwidth:
      return "a bandwidth";
    case Dimension::kFlopRate:
      return "a FLOP rate";
    case Dimension::kPrice:
      return "a price per GPU-hour";
  }
  return "";
}

std::vector<std::string> unit_names(Dimension dimension) {
  std::vector<std::string> names;
  for (const Unit& unit : kUnits) {
    if (unit.dimension == dimension) {
      names.emplace_back(unit.name);
    }
  }
  return names;
}

ParsedQuantity problem(std::string message, std::string hint) {
  return {.problem = QuantityProblem{.message = std::move(message), .hint = std::move(hint)}};
}

/// The value scaled to its best unit, with three significant digits.
struct Scale {
  double factor;
  std::string_view unit;
};

std::string scaled(double value, std::span<const Scale> scales) {
  Scale chosen = scales.front();
  for (const Scale& scale : scales) {
    if (std::abs(value) >= scale.factor) {
      chosen = scale;
    }
  }
  const double shown = value / chosen.factor;
  const double size = std::abs(shown);
  const int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", shown, decimals, chosen.unit);
}

}  // namespace

ParsedQuantity parse_quantity(std::string_view text, Dimension dimension) {
  const std::string_view body = trimmed(text);
  double number = 0.0;
  const auto [rest, error] = std::from_chars(body.data(), body.data() + body.size(), number);
  const std::string shape =
      fmt::format("write {} like \"{}\"", noun(dimension), example(dimension));
  if (error != std::errc() || !std::isfinite(number)) {
    return problem(fmt::format("expected {}, found \"{}\"", noun(dimension), text), shape);
  }
  if (number < 0.0) {
    return problem(fmt::format("expected {}, found the negative \"{}\"", noun(dimension), text),
                   shape);
  }
  const std::size_t used = static_cast<std::size_t>(rest - body.data());
  const std::string_view name = trimmed(body.substr(used));
  if (name.empty()) {
    return problem(
        fmt::format(
            "expected {} with its unit, found the bare number \"{}\"", noun(dimension), text),
        shape);
  }
  for (const Unit& unit : kUnits) {
    if (unit.name != name) {
      continue;
    }
    if (unit.dimension == dimension) {
      return {.si = number * unit.si, .problem = std::nullopt};
    }
    return problem(
        fmt::format(
            "expected {}, found \"{}\", which is {}", noun(dimension), text, noun(unit.dimension)),
        shape);
  }
  return problem(fmt::format("unknown unit \"{}\"", name), suggest(name, unit_names(dimension)));
}

std::string format_time(Seconds time) {
  static constexpr std::array kScales = {
      Scale{1e-9, " ns"}, Scale{1e-6, " us"}, Scale{1e-3, " ms"}, Scale{1.0, " s"}};
  if (time.si() == 0.0) {
    return "0 s";
  }
  const double size = std::abs(time.si());
  if (size >= 86400.0 * 3.0) {
    return fmt::format("{:.1f} days", time / day);
  }
  if (size >= 36000.0) {  // ten hours
    return fmt::format("{:.1f} h", time / hour);
  }
  return scaled(time.si(), kScales);
}

std::string format_data(Bytes data) {
  static constexpr std::array kScales = {Scale{1.0, " B"},
                                         Scale{1024.0, " KiB"},
                                         Scale{1024.0 * 1024.0, " MiB"},
                                         Scale{1024.0 * 1024.0 * 1024.0, " GiB"},
                                         Scale{1024.0 * 1024.0 * 1024.0 * 1024.0, " TiB"},
                                         Scale{1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0, " PiB"}};
  return scaled(data.si(), kScales);
}

std::string format_bandwidth(Bandwidth bandwidth) {
  static constexpr std::array kScales = {
      Scale{1e6, " MB/s"}, Scale{1e9, " GB/s"}, Scale{1e12, " TB/s"}};
  return scaled(bandwidth.si(), kScales);
}

std::string format_dollars(Dollars amount) {
  const double value = amount.si();
  const double size = std::abs(value);
  const std::string sign = value < 0.0 ? "-" : "";
  if (size >= 999'500'000.0) {
    return fmt::format("{}${:.2f}B", sign, size / 1e9);
  }
  if (size >= 999'500.0) {
    return fmt::format("{}${:.3f}M", sign, size / 1e6);
  }
  if (size >= 9'999.5) {
    return fmt::format("{}${:.1f}K", sign, size / 1e3);
  }
  return fmt::format("{}${:.2f}", sign, size);
}

std::string format_count(double count) {
  std::string digits = fmt::format("{:.0f}", std::abs(count));
  for (int place = static_cast<int>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), ",");
  }
  return (count < 0.0 ? "-" : "") + digits;
}

}  // namespace towtank
