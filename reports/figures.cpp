#include "reports/figures.hpp"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"

namespace towtank {

std::string percent(double fraction) {
  const double shown = 100.0 * fraction;
  return fmt::format("{:.{}f}%", shown, std::abs(shown) < 99.95 ? 1 : 0);
}

std::string signed_percent(double fraction) {
  const std::string text = fmt::format("{:+.1f}%", 100.0 * fraction);
  return text == "-0.0%" ? "+0.0%" : text;
}

std::string signed_points(double difference) {
  const std::string text = fmt::format("{:+.1f}", 100.0 * difference);
  return (text == "-0.0" ? "+0.0" : text) + " points";
}

std::string signed_time(Seconds time) {
  return (time < Seconds{} ? "" : "+") + format_time(time);
}

std::string signed_dollars(Dollars amount) {
  return (amount < Dollars{} ? "" : "+") + format_dollars(amount);
}

std::string short_count(double count) {
  const double size = std::abs(count);
  if (size >= 999.5e9) {
    return fmt::format("{:.4g}T", count / 1e12);
  }
  if (size >= 999.5e6) {
    return fmt::format("{:.4g}B", count / 1e9);
  }
  if (size >= 999.5e3) {
    return fmt::format("{:.4g}M", count / 1e6);
  }
  return format_count(count);
}

std::string hours_text(double gpu_hours) {
  return gpu_hours >= 999.5e3 ? fmt::format("{:.3f}M", gpu_hours / 1e6) : format_count(gpu_hours);
}

std::string flop_rate_text(FlopRate rate) {
  return fmt::format("{} TFLOPS", format_count(rate / (TFLOP / second)));
}

std::string price_text(Price per_gpu) {
  return fmt::format("${:.2f}", per_gpu / (dollar / hour));
}

std::string traffic_text(Bytes bytes) {
  struct Scale {
    double factor;
    const char* unit;
  };
  static constexpr std::array kScales = {Scale{1e15, "PB"},
                                         Scale{1e12, "TB"},
                                         Scale{1e9, "GB"},
                                         Scale{1e6, "MB"},
                                         Scale{1e3, "KB"},
                                         Scale{1.0, "B"}};
  for (const Scale& scale : kScales) {
    const double shown = bytes.si() / scale.factor;
    if (shown >= 0.9995 || scale.factor == 1.0) {
      return fmt::format(
          "{:.{}f} {}", shown, shown < 9.995 ? 2 : (shown < 99.95 ? 1 : 0), scale.unit);
    }
  }
  return {};
}

std::string metric_text(std::string_view metric, double value) {
  if (metric.find("seconds") != std::string_view::npos && !metric.ends_with("_per_gpu")) {
    return value < 1.0 ? fmt::format("{:.1f} ms", 1e3 * value) : fmt::format("{:.2f} s", value);
  }
  if (metric.find("mfu") != std::string_view::npos) {
    return percent(value);
  }
  if (metric.ends_with("gib")) {
    return fmt::format("{:.1f} GiB", value);
  }
  if (metric.ends_with("gpu_hours")) {
    return hours_text(value) + " h";
  }
  if (metric.ends_with("dollars")) {
    return format_dollars(Dollars(value));
  }
  if (metric.ends_with("days")) {
    return fmt::format("{:.1f} days", value);
  }
  if (metric.find("tflops") != std::string_view::npos) {
    return fmt::format("{:.1f} TFLOPS", value);
  }
  return short_count(value);
}

std::string dollars_range(const RunCost& cost) {
  if (cost.error == 0.0) {
    return "";
  }
  return format_dollars((1.0 - cost.error) * cost.dollars) + " to " +
         format_dollars((1.0 + cost.error) * cost.dollars);
}

}  // namespace towtank
