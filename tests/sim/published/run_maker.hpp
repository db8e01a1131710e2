// Rows of tables of runs, made for tests.
#pragma once

#include <map>
#include <string>

#include "sim/published/published_run.hpp"
#include "sim/published/runs_table.hpp"

namespace towtank {

/// A line of cells in the order of kRunColumns; those that are not named are blank.
inline std::string row_of(const std::map<std::string, std::string>& cells) {
  std::string line;
  for (const std::string_view column : kRunColumns) {
    const auto cell = cells.find(std::string(column));
    std::string text = cell == cells.end() ? "" : cell->second;
    for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
      text.insert(at, 1, '"');
    }
    line += (line.empty() ? "\"" : ",\"") + text + "\"";
  }
  return line + "\n";
}

/// The same with the header in front.
inline std::string table_of(const std::map<std::string, std::string>& cells) {
  std::string header;
  for (const std::string_view column : kRunColumns) {
    header += (header.empty() ? "" : ",") + std::string(column);
  }
  return header + "\n" + row_of(cells);
}

inline PublishedRun run_of(const std::map<std::string, std::string>& cells) {
  return runs_of_table(table_of(cells), "runs.csv").front();
}

}  // namespace towtank
