#include "tools/published_rows.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "sim/base/error.hpp"
#include "sim/published/run_filter.hpp"
#include "sim/published/runs_table.hpp"
#include "tools/data_directory.hpp"

namespace towtank {

void add_row_options(CLI::App& command, RowOptions& options) {
  command
      .add_option("--csv", options.csv, fmt::format("Table of runs, a row each [{}]", kOwnTable))
      ->type_name("FILE");
  command
      .add_option("--filter",
                  options.filter,
                  "Rows to take: COLUMN with = != ~ < or > and a value, several with commas")
      ->type_name("EXPR");
  command.add_flag("--json", options.json, "Print one JSON object");
  command.add_option("--jobs", options.jobs, "Processes [the CPU's cores]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
}

std::vector<PublishedRun> published_rows(const std::filesystem::path& data,
                                         const RowOptions& options) {
  const std::string& filter = options.filter;
  const std::string table = options.csv.empty() ? shown_path(data / kOwnTable) : options.csv;
  const RunFilter conditions = parse_run_filter(filter);
  std::vector<PublishedRun> runs = read_runs_table(table);
  std::erase_if(runs, [&](const PublishedRun& run) { return !matches(conditions, run); });
  if (runs.empty()) {
    throw InputError({.file = filter.empty() ? table : "--filter " + filter},
                     "no row is left",
                     "a condition less, or another table with --csv");
  }
  return runs;
}

int processes_of(int jobs) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return jobs > 0 ? jobs : std::max(cores, 1);
}

void tell_progress(std::size_t answered, std::size_t all) {
  constexpr std::size_t kEvery = 100;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  if (terminal) {
    fmt::print(stderr, "\r{} of {} runs{}", answered, all, answered == all ? "\n" : "");
  } else if (answered % kEvery == 0 || answered == all) {
    fmt::print(stderr, "{} of {} runs\n", answered, all);
  }
  std::fflush(stderr);
}

}  // namespace towtank
