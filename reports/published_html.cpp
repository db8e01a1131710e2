#include "reports/published_html.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr double kSide = 640.0;   // of the picture's square, in pixels
constexpr double kMargin = 60.0;  // around it
constexpr std::array<std::string_view, 10> kColours = {"#1f77b4",
                                                       "#d62728",
                                                       "#2ca02c",
                                                       "#9467bd",
                                                       "#ff7f0e",
                                                       "#17becf",
                                                       "#8c564b",
                                                       "#e377c2",
                                                       "#7f7f7f",
                                                       "#bcbd22"};

constexpr std::string_view kStyle =
    "body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222}"
    "table{border-collapse:collapse}td,th{padding:2px 10px;text-align:left;"
    "border-bottom:1px solid #ddd}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "circle{fill-opacity:.65}circle:hover{fill-opacity:1;stroke:#000}"
    ".axis{stroke:#999}.even{stroke:#444;stroke-dasharray:6 4}.tick{fill:#555;font-size:12px}";

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

/// Whole decades that hold every point, on both axes.
struct Decades {
  int first = 0;
  int last = 1;

  double place(Seconds time) const {
    return kSide * (std::log10(time.si()) - first) / (last - first);
  }
};

std::vector<const RunCase*> with_errors(const std::vector<RunCase>& cases) {
  std::vector<const RunCase*> chosen;
  chosen.reserve(cases.size());
  for (const RunCase& row : cases) {
    if (row.error() && row.in_scope) {
      chosen.push_back(&row);
    }
  }
  return chosen;
}

Decades decades_of(const std::vector<const RunCase*>& rows) {
  double least = 1.0;
  double most = 1.0;
  for (const RunCase* row : rows) {
    least = std::min({least, row->measured->si(), row->projected->si()});
    most = std::max({most, row->measured->si(), row->projected->si()});
  }
  return {.first = static_cast<int>(std::floor(std::log10(least))),
          .last = static_cast<int>(std::floor(std::log10(most))) + 1};
}

std::string axes(const Decades& decades) {
  std::string svg;
  for (int decade = decades.first; decade <= decades.last; ++decade) {
    const Seconds time = std::pow(10.0, decade) * second;
    const double at = decades.place(time);
    svg += fmt::format(
        "<line class=\"axis\" x1=\"{0:.1f}\" y1=\"0\" x2=\"{0:.1f}\" y2=\"{1}\"/>"
        "<line class=\"axis\" x1=\"0\" y1=\"{2:.1f}\" x2=\"{1}\" y2=\"{2:.1f}\"/>"
        "<text class=\"tick\" x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>"
        "<text class=\"tick\" x=\"-6\" y=\"{2:.1f}\" text-anchor=\"end\">{4}</text>\n",
        at,
        kSide,
        kSide - at,
        kSide + 16.0,
        escaped(format_time(time)));
  }
  return svg + fmt::format(
                   "<line class=\"even\" x1=\"0\" y1=\"{0}\" x2=\"{0}\" y2=\"0\"/>"
                   "<text x=\"{1}\" y=\"{2}\" text-anchor=\"middle\">measured step</text>"
                   "<text transform=\"translate(-44 {1}) rotate(-90)\" text-anchor=\"middle\">"
                   "projected step</text>\n",
                   kSide,
                   kSide / 2.0,
                   kSide + 40.0);
}

std::string scatter(const std::vector<const RunCase*>& rows) {
  const Decades decades = decades_of(rows);
  std::map<std::string, std::string_view> colours;
  for (const RunCase* row : rows) {
    colours.emplace(row->gpu, kColours[colours.size() % kColours.size()]);
  }
  std::string svg =
      fmt::format("<svg width=\"{0}\" height=\"{1}\"><g transform=\"translate({2} 20)\">\n",
                  kSide + 4.0 * kMargin,
                  kSide + kMargin + 20.0,
                  kMargin + 20.0) +
      axes(decades);
  for (const RunCase* row : rows) {
    svg += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"><title>{}: {} measured, {} "
        "projected ({})</title></circle>\n",
        decades.place(*row->measured),
        kSide - decades.place(*row->projected),
        colours.at(row->gpu),
        escaped(row->id),
        escaped(format_time(*row->measured)),
        escaped(format_time(*row->projected)),
        signed_percent(*row->error()));
  }
  double y = 10.0;
  constexpr double kLine = 20.0;
  for (const auto& [gpu, colour] : colours) {
    svg += fmt::format(
        "<circle cx=\"{0}\" cy=\"{1}\" r=\"5\" fill=\"{2}\"/><text x=\"{3}\" "
        "y=\"{4}\">{5}</text>\n",
        kSide + 20.0,
        y,
        colour,
        kSide + 30.0,
        y + 5.0,
        escaped(gpu));
    y += kLine;
  }
  return svg + "</g></svg>\n";
}

std::string assumed(const RunCase& row) {
  std::string text;
  for (const std::string& assumption : row.assumptions) {
    text += (text.empty() ? "" : "; ") + assumption;
  }
  return text;
}

std::string table_row(const RunCase& row) {
  const std::optional<double> error = row.error();
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>\n",
      escaped(row.id),
      escaped(row.model),
      escaped(row.gpu),
      row.measured ? format_time(*row.measured) : "",
      row.projected ? format_time(*row.projected) : "",
      row.projected ? fmt::format("{} to {}", format_time(row.low), format_time(row.high)) : "",
      error ? signed_percent(*error) : "",
      escaped(row.plan),
      escaped(row.reason.empty() ? assumed(row) : row.reason));
}

std::string summary(const Score& score) {
  return fmt::format(
      "<p>{} of {} runs on NVIDIA GPUs with a measured step projected ({}). Median absolute error "
      "{}, mean {}, bias {}, nine in ten within {}; {} inside the printed 90% range.</p>\n",
      score.covered,
      score.rows,
      percent(score.coverage()),
      percent(score.errors.median_abs),
      percent(score.errors.mean_abs),
      signed_percent(score.errors.bias),
      percent(score.errors.p90_abs),
      percent(score.errors.inside_range));
}

}  // namespace

std::string published_html(const std::vector<RunCase>& cases, const Score& score) {
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<title>Published training runs, projected</title><style>{}</style></head><body>\n"
      "<h1>Published training runs, projected</h1>\n",
      kStyle);
  page += summary(score);
  page += scatter(with_errors(cases));
  page +=
      "<table><tr><th>run</th><th>model</th><th>GPU</th><th class=\"n\">measured</th>"
      "<th class=\"n\">projected</th><th class=\"n\">90% range</th><th class=\"n\">error</th>"
      "<th>plan</th><th>assumed, or why not</th></tr>\n";
  for (const RunCase& row : cases) {
    page += table_row(row);
  }
  return page + "</table></body></html>\n";
}

}  // namespace towtank
