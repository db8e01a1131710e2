#include "reports/profile_check_text.hpp"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

std::string count(std::size_t rows) {
  return format_count(static_cast<double>(rows));
}

void section(Lines& lines, std::string_view title, const Lines& body, Colour colour) {
  lines.emplace_back();
  lines.push_back(heading(title, colour));
  lines.insert(lines.end(), body.begin(), body.end());
}

Lines tables_block(const ProfileCheck& check) {
  std::vector<Cells> rows;
  for (const CheckedTable& table : check.tables) {
    rows.push_back({table.file,
                    table.kind,
                    count(table.samples) + " times",
                    table.skipped == 0 ? "" : count(table.skipped) + " rows not usable",
                    table.device.empty() ? "device not told" : table.device,
                    table.version});
  }
  return aligned(rows, "llrrll");
}

Cells figures_cells(const CheckFigures& figures) {
  Cells cells = {count(figures.rows), percent(figures.coverage())};
  if (!figures.errors) {
    cells.insert(cells.end(), 5, "-");
    return cells;
  }
  const ErrorSpread& errors = *figures.errors;
  cells.insert(cells.end(),
               {percent(errors.median),
                percent(errors.p90),
                signed_percent(errors.worst),
                signed_percent(errors.bias),
                percent(errors.within)});
  return cells;
}

Cells group_row(const std::string& op,
                const std::string& precision,
                const std::string& library,
                const CheckFigures& figures) {
  Cells row = {op, precision, library};
  const Cells cells = figures_cells(figures);
  row.insert(row.end(), cells.begin(), cells.end());
  return row;
}

Lines groups_block(const ProfileCheck& check) {
  std::vector<Cells> rows = {{"op",
                              "precision",
                              "library",
                              "rows",
                              "covered",
                              "median",
                              "p90",
                              "worst",
                              "bias",
                              "in range"}};
  for (const CheckedGroup& group : check.groups) {
    rows.push_back(group_row(group.op, group.precision, group.library, group.figures));
  }
  rows.push_back(group_row("all", "", "", check.all));
  return aligned(rows, "lllrrrrrrr");
}

std::string place_of(const WorstRow& row, bool one_table) {
  return one_table ? fmt::format("{}", row.line) : fmt::format("{}:{}", row.file, row.line);
}

Lines worst_block(const ProfileCheck& check) {
  std::vector<Cells> rows = {
      {"line", "op", "library", "measured", "estimated", "error", "+-", "known as"}};
  for (const WorstRow& row : check.worst) {
    rows.push_back({place_of(row, check.tables.size() == 1),
                    row.op,
                    row.library,
                    format_time(row.measured),
                    format_time(row.estimated),
                    signed_percent(row.error),
                    percent(row.stated_error),
                    row.origin});
  }
  return aligned(rows, "rllrrrrl");
}

}  // namespace

std::string profile_check_text(const ProfileCheck& check, Colour colour) {
  Lines lines = {heading(check.profile + " against measured times", colour)};
  const Lines tables = tables_block(check);
  lines.insert(lines.end(), tables.begin(), tables.end());
  section(lines,
          "Errors: estimate / measured - 1, over the rows covered; in range: of the stated 90%",
          groups_block(check),
          colour);
  if (!check.worst.empty()) {
    section(lines, "The worst rows", worst_block(check), colour);
  }
  if (!check.notes.empty()) {
    lines.emplace_back();
    for (const std::string& note : check.notes) {
      lines.push_back("Note: " + note);
    }
  }
  return joined(lines);
}

}  // namespace towtank
