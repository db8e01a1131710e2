#include "reports/published_text.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

void append(Lines& lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

std::string assumptions_text(const RunCase& row) {
  std::string text;
  for (const std::string& assumption : row.assumptions) {
    text += (text.empty() ? "" : "; ") + assumption;
  }
  return text;
}

Lines cases_block(const std::vector<RunCase>& cases, bool efficiency) {
  std::vector<Cells> rows = {
      {"run", "GPU", "GPUs", "measured", "projected", "90% range", "error", "plan", "assumed"}};
  for (const RunCase& row : cases) {
    const std::optional<double> error = row.error();
    if (!error || (row.against == Measured::kEfficiency) != efficiency) {
      continue;
    }
    rows.push_back({row.id,
                    row.gpu,
                    format_count(static_cast<double>(row.gpus)),
                    format_time(*row.measured),
                    format_time(*row.projected),
                    fmt::format("{} to {}", format_time(row.low), format_time(row.high)),
                    signed_percent(*error),
                    row.plan,
                    assumptions_text(row)});
  }
  return rows.size() > 1 ? aligned(rows, "llrrrrrll") : Lines{};
}

/// Reasons, most frequent first, and the rows that have them.
Lines reasons_block(const std::vector<RunCase>& cases) {
  std::map<std::string, std::vector<std::string>> rows_of;
  for (const RunCase& row : cases) {
    if (!row.reason.empty()) {
      rows_of[row.reason].push_back(row.id);
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> sorted(rows_of.begin(),
                                                                       rows_of.end());
  std::ranges::stable_sort(
      sorted, std::ranges::greater{}, [](const auto& entry) { return entry.second.size(); });
  constexpr std::size_t kColumns = 96;
  Lines lines;
  for (const auto& [reason, ids] : sorted) {
    append(lines, wrapped(fmt::format("  {} rows: {}", ids.size(), reason), kColumns));
    std::string names;
    for (const std::string& id : ids) {
      names += (names.empty() ? "" : " ") + id;
    }
    for (const std::string& line : wrapped(names, kColumns)) {
      lines.push_back("      " + line);
    }
  }
  return lines;
}

Cells statistics_cells(const std::string& name, std::size_t rows, const ErrorStatistics& errors) {
  Cells cells = {name,
                 format_count(static_cast<double>(rows)),
                 format_count(static_cast<double>(errors.cases))};
  if (errors.cases > 0) {
    cells.insert(cells.end(),
                 {percent(errors.median_abs),
                  percent(errors.mean_abs),
                  signed_percent(errors.bias),
                  percent(errors.p90_abs),
                  percent(errors.inside_range)});
  }
  return cells;
}

Lines groups_block(std::string_view what, const std::vector<CaseGroup>& groups) {
  std::vector<Cells> rows = {
      {std::string(what), "rows", "covered", "median", "mean", "bias", "p90", "inside range"}};
  for (const CaseGroup& group : groups) {
    rows.push_back(statistics_cells(group.name, group.rows, group.errors));
  }
  return aligned(rows, "lrrrrrrr");
}

Lines sweeps_block(const std::vector<Sweep>& sweeps) {
  std::vector<Cells> rows = {{"sweep", "GPU", "GPUs", "runs", "Spearman"}};
  for (const Sweep& sweep : sweeps) {
    rows.push_back({sweep.model + ", " + sweep.source,
                    sweep.gpu,
                    format_count(static_cast<double>(sweep.gpus)),
                    format_count(static_cast<double>(sweep.cases)),
                    fmt::format("{:.2f}", sweep.spearman)});
  }
  return aligned(rows, "llrrr");
}

Lines summary_block(const Score& score) {
  const ErrorStatistics& errors = score.errors;
  std::vector<Cells> rows = {
      {"rows of the table", format_count(static_cast<double>(score.table_rows))},
      {"NVIDIA GPUs with a step time", format_count(static_cast<double>(score.rows))},
      {"projected",
       fmt::format(
           "{} ({})", format_count(static_cast<double>(score.covered)), percent(score.coverage()))},
      {"median absolute error", percent(errors.median_abs)},
      {"mean absolute error", percent(errors.mean_abs)},
      {"bias", signed_percent(errors.bias)},
      {"p90 absolute error", percent(errors.p90_abs)},
      {"inside the 90% range", percent(errors.inside_range)}};
  if (score.median_spearman) {
    rows.push_back({"Spearman of sweeps, median", fmt::format("{:.2f}", *score.median_spearman)});
  }
  return aligned(rows, "lr");
}

void add_section(Lines& lines, const std::string& title, const Lines& body, Colour colour) {
  if (body.empty()) {
    return;
  }
  if (!lines.empty()) {
    lines.emplace_back();
  }
  lines.push_back(heading(title, colour));
  append(lines, body);
}

}  // namespace

std::string published_text(const std::vector<RunCase>& cases, const Score& score, Colour colour) {
  Lines lines;
  add_section(lines, "Runs, time of a step", cases_block(cases, false), colour);
  add_section(lines,
              "Runs that state TFLOPS or MFU alone, as a step by their way of counting (not in the "
              "figures below)",
              cases_block(cases, true),
              colour);
  add_section(lines, "Not projected", reasons_block(cases), colour);
  if (score.covered > 0) {
    add_section(lines, "By GPU", groups_block("GPU", score.by_gpu), colour);
    add_section(lines, "By source", groups_block("source", score.by_source), colour);
    add_section(lines, "By software stack", groups_block("stack", score.by_stack), colour);
  }
  if (!score.sweeps.empty()) {
    add_section(lines, "Order of plans", sweeps_block(score.sweeps), colour);
  }
  add_section(lines, "All", summary_block(score), colour);
  return joined(lines);
}

}  // namespace towtank
