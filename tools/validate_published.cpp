#include "tools/validate_published.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "reports/published_json.hpp"
#include "tools/resume_file.hpp"
#include "tools/worker_pool.hpp"

namespace towtank {
namespace {

constexpr Seconds kLimit = 120.0 * second;  // of a row

/// Rows that share a GPU and a model one after the other: a process has their kernels' times then.
std::vector<std::size_t> in_working_order(const std::vector<PublishedRun>& runs,
                                          std::vector<std::size_t> open) {
  std::ranges::stable_sort(open, [&](std::size_t a, std::size_t b) {
    return std::pair(runs[a].gpu, runs[a].model) < std::pair(runs[b].gpu, runs[b].model);
  });
  return open;
}

}  // namespace

std::vector<RunCase> validate_runs(const std::vector<PublishedRun>& runs,
                                   const ValidationSetup& setup,
                                   const std::function<void(std::size_t, std::size_t)>& progress) {
  const RunLibrary library(setup.data);
  const AnswerKeys keys(setup.data);
  ResumeFile kept(setup.resume);
  std::vector<RunCase> cases;
  std::vector<std::size_t> open;
  cases.reserve(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunCase* const known = kept.find(keys.of(runs[i]));
    cases.push_back(known != nullptr ? *known : case_of_row(runs[i]));
    if (known == nullptr) {
      open.push_back(i);
    }
  }
  open = in_working_order(runs, std::move(open));
  KernelTimesOfProfiles kernels;  // each process fills its own
  std::size_t answered = runs.size() - open.size();
  progress(answered, runs.size());
  work_in_processes(
      {.processes = setup.processes, .limit = kLimit},
      open.size(),
      [&](std::size_t piece) { return case_line(answer(runs[open[piece]], library, kernels), ""); },
      [&](std::size_t piece, const WorkResult& result) {
        const std::size_t row = open[piece];
        if (std::optional<KeyedCase> answered_case = case_of_line(result.text)) {
          cases[row] = std::move(answered_case->result);
          kept.keep(keys.of(runs[row]), cases[row]);
        } else {
          cases[row].reason = result.failure.empty() ? "its answer was garbled" : result.failure;
        }
        progress(++answered, runs.size());
      });
  return cases;
}

}  // namespace towtank
