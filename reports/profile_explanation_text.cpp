#include "reports/profile_explanation_text.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "reports/profile_sizes.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr std::size_t kTextWidth = 90;

void section(Lines& lines, std::string_view title, const Lines& body, Colour colour) {
  if (body.empty()) {
    return;
  }
  lines.emplace_back();
  lines.push_back(heading(title, colour));
  lines.insert(lines.end(), body.begin(), body.end());
}

std::string achieved_text(const Explanation& explanation) {
  std::string text;
  const auto add = [&text](const std::string& rate) { text += (text.empty() ? "" : ", ") + rate; };
  if (explanation.compute_rate) {
    add(flop_rate_text(*explanation.compute_rate));
  }
  if (explanation.memory_rate) {
    add(format_bandwidth(*explanation.memory_rate) + " of memory");
  }
  if (explanation.link_rate) {
    add(format_bandwidth(*explanation.link_rate) + " of links");
  }
  return text;
}

std::string origin_text(const KnownTime& known) {
  return known.origin + (known.beyond ? ", beyond the measured sizes" : "");
}

Lines answer_block(const Explanation& explanation) {
  const KnownTime& known = explanation.known;
  return aligned({{"time",
                   fmt::format("{}  ({} to {}: 90%)",
                               format_time(known.time),
                               format_time(known.time * std::max(0.0, 1.0 - known.error)),
                               format_time(known.time * (1.0 + known.error)))},
                  {"known as", fmt::format("{}, +-{}", origin_text(known), percent(known.error))},
                  {"achieved", achieved_text(explanation)},
                  {"SMs", fmt::format("{} of {}", explanation.sms, explanation.gpu_sms)}},
                 "ll");
}

Lines roofline_block(const Explanation& explanation) {
  std::vector<Cells> rows = {{"", "work", "peak", "least time", "reached"}};
  for (const RooflineSide& side : explanation.roofline) {
    rows.push_back(
        {side.limit, side.work, side.peak, format_time(side.least), percent(side.reached)});
  }
  return aligned(rows, "lrrrr");
}

Lines fit_block(const FitUsed& fit) {
  std::vector<Cells> rows = {
      {"kernels", fit.kernels},
      {"library", fit.library.empty() ? "not told" : fit.library},
      {"rows", format_count(static_cast<double>(fit.rows))},
      {"error of hidden rows",
       fmt::format("{} median, {} p90", percent(fit.median), percent(fit.p90))}};
  const Lines source = wrapped(fit.source + " (" + fit.date + ")", kTextWidth);
  for (std::size_t i = 0; i < source.size(); ++i) {
    rows.push_back({i == 0 ? "source" : "", source[i]});
  }
  return aligned(rows, "ll");
}

Lines neighbours_block(const Explanation& explanation) {
  if (explanation.neighbours.empty()) {
    return {};
  }
  const auto row = [](const std::vector<double>& sizes, const Cells& rest) {
    Cells cells;
    cells.reserve(sizes.size() + rest.size());
    for (const double size : sizes) {
      cells.push_back(size_text(size));
    }
    cells.insert(cells.end(), rest.begin(), rest.end());
    return cells;
  };
  Cells titles = explanation.axes;
  titles.insert(titles.end(), {"time", "distance", "source"});
  std::vector<Cells> rows = {
      titles, row(explanation.asked, {format_time(explanation.known.time), "", "this op"})};
  for (const Neighbour& neighbour : explanation.neighbours) {
    rows.push_back(row(neighbour.sizes,
                       {format_time(neighbour.time),
                        fmt::format("{:.2f}", neighbour.distance),
                        neighbour.source}));
  }
  return aligned(rows, std::string(explanation.axes.size() + 2, 'r') + "l");
}

Lines alternatives_block(const Explanation& explanation) {
  std::vector<Cells> rows;
  rows.reserve(explanation.alternatives.size());
  for (const Alternative& other : explanation.alternatives) {
    rows.push_back({other.library,
                    format_time(other.known.time),
                    "+-" + percent(other.known.error),
                    origin_text(other.known)});
  }
  return aligned(rows, "lrrl");
}

}  // namespace

std::string profile_explanation_text(const Explanation& explanation, Colour colour) {
  std::string title = explanation.op + " on " + explanation.gpu;
  if (!explanation.library.empty()) {
    title += " by " + explanation.library;
  }
  Lines lines = {heading(title, colour)};
  const Lines answer = answer_block(explanation);
  lines.insert(lines.end(), answer.begin(), answer.end());
  if (!explanation.roofline.empty()) {
    section(lines,
            "Roofline: bound by " + explanation.roofline.front().limit,
            roofline_block(explanation),
            colour);
  }
  if (explanation.fit) {
    section(lines,
            explanation.fit->transferred ? "Fit, of another GPU" : "Fit",
            fit_block(*explanation.fit),
            colour);
  }
  section(
      lines, "Nearest measurements; distance in doublings", neighbours_block(explanation), colour);
  section(lines, "The same by each library", alternatives_block(explanation), colour);
  for (const std::string& note : explanation.notes) {
    lines.emplace_back();
    lines.push_back("Note: " + note);
  }
  return joined(lines);
}

}  // namespace towtank
