#include "reports/profile_comparison_text.hpp"

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

std::string ratio_text(double ratio) {
  return fmt::format("{:.3f}", ratio);
}

/// What both say, once when they say the same.
std::string both(const std::array<std::string, 2>& words) {
  const auto shown = [](const std::string& word) { return word.empty() ? "-" : word; };
  return words[0] == words[1] ? shown(words[0]) : shown(words[0]) + " / " + shown(words[1]);
}

Lines datasheet_block(const ProfileComparison& comparison) {
  std::vector<Cells> rows = {{"", comparison.profiles[0], comparison.profiles[1], "ratio"}};
  for (const ComparedFigure& figure : comparison.datasheet) {
    rows.push_back({figure.figure,
                    figure.values[0],
                    figure.values[1],
                    figure.ratio == 0.0 ? "" : ratio_text(figure.ratio)});
  }
  return aligned(rows, "lrrr");
}

Lines kernels_block(const ProfileComparison& comparison) {
  std::vector<Cells> rows = {{"op",
                              "precision",
                              "library",
                              "ops",
                              "both measured",
                              "median",
                              "10% to 90%",
                              "+-",
                              "known as"}};
  for (const ComparedKernels& kernels : comparison.kernels) {
    rows.push_back({kernels.op,
                    kernels.precision,
                    both(kernels.libraries),
                    format_count(static_cast<double>(kernels.ops)),
                    format_count(static_cast<double>(kernels.both_measured)),
                    ratio_text(kernels.median),
                    ratio_text(kernels.p10) + " to " + ratio_text(kernels.p90),
                    percent(kernels.error),
                    both(kernels.known_as)});
  }
  return aligned(rows, "lllrrrrrl");
}

}  // namespace

std::string profile_comparison_text(const ProfileComparison& comparison, Colour colour) {
  Lines lines = {heading(comparison.profiles[0] + " and " + comparison.profiles[1], colour)};
  const Lines datasheet = datasheet_block(comparison);
  lines.insert(lines.end(), datasheet.begin(), datasheet.end());
  lines.emplace_back();
  lines.push_back(
      heading(fmt::format("Times of {} over those of {}, over ops that one of them measured",
                          comparison.profiles[1],
                          comparison.profiles[0]),
              colour));
  const Lines kernels = kernels_block(comparison);
  lines.insert(lines.end(), kernels.begin(), kernels.end());
  for (const std::string& note : comparison.notes) {
    lines.emplace_back();
    lines.push_back("Note: " + note);
  }
  return joined(lines);
}

}  // namespace towtank
