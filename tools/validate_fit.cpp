#include "tools/validate_fit.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "reports/stack_fit_json.hpp"
#include "reports/stack_fit_text.hpp"
#include "sim/published/run_case.hpp"
#include "sim/published/runs_to_fit.hpp"
#include "sim/published/stack_fit.hpp"
#include "tools/commands.hpp"
#include "tools/data_directory.hpp"
#include "tools/published_rows.hpp"
#include "tools/worker_pool.hpp"

namespace towtank {
namespace {

constexpr Seconds kLimit = 600.0 * second;  // of a row's projections of one iteration

/// Projected times as text between processes, in seconds with all their digits.
std::string times_text(const std::vector<Seconds>& times) {
  std::string text;
  for (const Seconds time : times) {
    text += fmt::format("{} ", time / second);
  }
  return text;
}

std::vector<Seconds> times_of_text(const std::string& text) {
  std::istringstream stream(text);
  std::vector<Seconds> times;
  for (double time = 0.0; stream >> time;) {
    times.push_back(time * second);
  }
  return times;
}

/// Rows that share a GPU and a model one after the other: a process has their kernels' times then.
std::vector<std::size_t> working_order(const std::vector<RunToFit>& runs) {
  std::vector<std::size_t> order(runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(runs[a].row.profile, runs[a].row.model) <
           std::pair(runs[b].row.profile, runs[b].row.model);
  });
  return order;
}

/// Projects in worker processes.
Projector projector_of(const std::vector<RunToFit>& runs, int processes) {
  return [&runs, processes](const std::vector<std::vector<StackNumbers>>& of_rows) {
    const std::vector<std::size_t> order = working_order(runs);
    std::vector<std::vector<Seconds>> times(runs.size());
    KernelTimesOfProfiles kernels;  // each process fills its own
    std::size_t answered = 0;
    work_in_processes(
        {.processes = processes, .limit = kLimit},
        runs.size(),
        [&](std::size_t piece) {
          const RunToFit& run = runs[order[piece]];
          const std::vector<StackNumbers>& numbers = of_rows[order[piece]];
          return numbers.empty()
                     ? std::string()
                     : times_text(projected_with(run, numbers, kernels.of(*run.scenario.profile)));
        },
        [&](std::size_t piece, const WorkResult& result) {
          const std::size_t row = order[piece];
          times[row] = times_of_text(result.text);
          if (times[row].size() != of_rows[row].size()) {
            times[row].clear();
          }
          tell_progress(++answered, runs.size());
        });
    return times;
  };
}

void validate_fit(const RowOptions& options) {
  const std::filesystem::path data = data_directory(".");
  const RunLibrary library(shown_path(data));
  const std::vector<RunToFit> runs = runs_to_fit(published_rows(data, options), library);
  std::vector<FitRow> rows;
  rows.reserve(runs.size());
  for (const RunToFit& run : runs) {
    rows.push_back(run.row);
  }
  const FitOfStacks fit = fit_stacks(rows, projector_of(runs, processes_of(options.jobs)));
  print(options.json ? stack_fit_json(fit) : stack_fit_text(fit, "towtank validate fit"));
}

}  // namespace

void add_validate_fit(CLI::App& validate) {
  CLI::App* const command = validate.add_subcommand(
      "fit", "Fit software stacks to measured training runs, and print their numbers");
  const auto options = std::make_shared<RowOptions>();
  add_row_options(*command, *options);
  command->callback([options] { validate_fit(*options); });
}

}  // namespace towtank
