// The rows of a table of published runs that a command is asked for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "sim/published/published_run.hpp"

namespace towtank {

/// Towtank's own table, below the directory that holds profiles/ and scenarios/.
inline constexpr const char* kOwnTable = "scenarios/published/runs.csv";

/// What every command about such a table asks.
struct RowOptions {
  std::string csv;     // empty: Towtank's own
  std::string filter;  // empty: every row
  bool json = false;
  int jobs = 0;  // processes; 0: one for each of the CPU's cores
};

/// --csv, --filter, --json and --jobs. The options must outlive the command.
void add_row_options(CLI::App& command, RowOptions& options);

/// The rows of the table that the filter lets through; Towtank's own is below `data`. InputError
/// when none is left.
std::vector<PublishedRun> published_rows(const std::filesystem::path& data,
                                         const RowOptions& options);

/// So many processes; for 0 one for each of the CPU's cores.
int processes_of(int jobs);

/// One line on a terminal that counts up; a line every hundred rows elsewhere. On stderr.
void tell_progress(std::size_t answered, std::size_t all);

}  // namespace towtank
