#include "reports/comparison_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "reports/comparison.hpp"
#include "reports/figures.hpp"
#include "reports/training_json.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr std::size_t kReasonsShown = 6;
constexpr Seconds kTold = 0.5 * microsecond;  // smaller changes are not worth a line

bool worth_telling(Seconds change) {
  return change > kTold || change < -kTold;
}

struct FigureRow {
  std::string_view words;
  std::string_view metric;
};

// What every report has, by its path in the JSON output; an empty path starts a group.
constexpr std::array kFigures = {
    FigureRow{"step", "step.seconds"},
    FigureRow{"  90% from", "step.low"},
    FigureRow{"  90% to", "step.high"},
    FigureRow{"tokens a day", "step.tokens_per_day"},
    FigureRow{"MFU, causal", "efficiency.mfu_causal"},
    FigureRow{"MFU, full", "efficiency.mfu_full"},
    FigureRow{"Phases of pipeline rank 0", ""},
    FigureRow{"  forward", "phases_seconds.forward"},
    FigureRow{"  backward", "phases_seconds.backward"},
    FigureRow{"  weight", "phases_seconds.weight"},
    FigureRow{"  overlapped", "phases_seconds.overlapped"},
    FigureRow{"  bubble", "phases_seconds.bubble"},
    FigureRow{"  optimizer", "phases_seconds.optimizer"},
    FigureRow{"  of it waiting for links", "phases_seconds.exposed_communication"},
    FigureRow{"peak memory", "memory.peak_gib"},
    FigureRow{"Run", ""},
    FigureRow{"  days", "run.days"},
    FigureRow{"  GPU-hours", "run.gpu_hours"},
    FigureRow{"  dollars", "run.dollars"},
    FigureRow{"Total of all phases of training", ""},
    FigureRow{"  GPU-hours", "total.gpu_hours"},
    FigureRow{"  dollars", "total.dollars"},
};

std::string shown_metric(std::string_view metric, double value) {
  const bool range = metric == "step.low" || metric == "step.high";
  return range ? metric_text("step.seconds", value) : metric_text(metric, value);
}

Cells figure_cells(const FigureRow& figure, std::span<const TrainingReport> reports) {
  Cells cells = {std::string(figure.words)};
  double first = 0.0;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const double value = report_metric(reports[i], figure.metric).value_or(0.0);
    cells.push_back(shown_metric(figure.metric, value));
    if (i == 0) {
      first = value;
    } else {
      cells.push_back(first == 0.0 ? "" : signed_percent(value / first - 1.0));
    }
  }
  return cells;
}

Lines figures_block(std::span<const TrainingReport> reports) {
  Cells header = {""};
  std::string alignment = "l";
  for (std::size_t i = 0; i < reports.size(); ++i) {
    header.push_back(reports[i].scenario);
    alignment += "r";
    if (i > 0) {
      header.emplace_back();
      alignment += "r";
    }
  }
  std::vector<Cells> rows = {header};
  for (const FigureRow& figure : kFigures) {
    rows.push_back(figure.metric.empty() ? Cells{std::string(figure.words)}
                                         : figure_cells(figure, reports));
  }
  const auto does_not_fit = [](const TrainingReport& report) { return !report.memory.fits; };
  if (std::ranges::any_of(reports, does_not_fit)) {
    Cells cells = {"fits into memory"};
    for (std::size_t i = 0; i < reports.size(); ++i) {
      cells.emplace_back(reports[i].memory.fits ? "yes" : "NO");
      if (i > 0) {
        cells.emplace_back();
      }
    }
    rows.push_back(cells);
  }
  return aligned(rows, alignment);
}

Lines inputs_block(const Difference& difference) {
  std::vector<Cells> rows;
  for (const InputDifference& input : difference.inputs) {
    const auto shown = [](const std::string& value) { return value.empty() ? "none" : value; };
    rows.push_back({input.key, shown(input.first) + " -> " + shown(input.other)});
  }
  return rows.empty() ? Lines{"  nothing"} : aligned(rows, "ll");
}

Lines reasons_block(const Difference& difference) {
  std::vector<Cells> rows;
  Seconds rest = difference.step;
  for (const StepReason& reason : difference.reasons) {
    if (rows.size() == kReasonsShown || !worth_telling(reason.change())) {
      break;
    }
    rows.push_back({reason.cause,
                    format_time(reason.first),
                    "->",
                    format_time(reason.other),
                    signed_time(reason.change()),
                    reason.why});
    rest -= reason.change();
  }
  if (worth_telling(rest)) {
    rows.push_back({"everything else", "", "", "", signed_time(rest)});
  }
  return rows.empty() ? Lines{"  nothing: the steps are equal"} : aligned(rows, "lrlrrl");
}

Lines bill_block(const Difference& difference,
                 const TrainingReport& first,
                 const TrainingReport& other) {
  return aligned({{"GPU-hours",
                   hours_text(first.total_gpu_hours),
                   "->",
                   hours_text(other.total_gpu_hours),
                   signed_dollars(difference.bill.by_hours)},
                  {"price of a GPU-hour",
                   price_text(first.price),
                   "->",
                   price_text(other.price),
                   signed_dollars(difference.bill.by_price)}},
                 "lrlrr");
}

void append(Lines& lines, const std::string& title, const Lines& block) {
  lines.emplace_back();
  lines.push_back(title);
  lines.insert(lines.end(), block.begin(), block.end());
}

void append_difference(Lines& lines,
                       const Difference& difference,
                       std::span<const TrainingReport> reports,
                       Colour colour) {
  const TrainingReport& first = reports.front();
  const TrainingReport& other = reports[difference.report];
  append(lines,
         heading(fmt::format("What differs: {} -> {}", first.scenario, other.scenario), colour),
         inputs_block(difference));
  append(lines,
         heading(fmt::format("Why the step changes by {} ({}): what it waits for",
                             signed_time(difference.step),
                             signed_percent(difference.step / first.step.time)),
                 colour),
         reasons_block(difference));
  append(lines,
         heading(fmt::format("Why the total bill changes by {}",
                             signed_dollars(difference.bill.total())),
                 colour),
         bill_block(difference, first, other));
}

}  // namespace

std::string comparison_text(std::span<const TrainingReport> reports, Colour colour) {
  Lines lines = {heading("Side by side, differences from the first", colour)};
  const Lines figures = figures_block(reports);
  lines.insert(lines.end(), figures.begin(), figures.end());
  lines.emplace_back("  90%: kernel and link errors only");
  for (const Difference& difference : differences(reports)) {
    append_difference(lines, difference, reports, colour);
  }
  return joined(lines);
}

}  // namespace towtank
