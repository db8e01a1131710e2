// Every row of a table of published runs, answered by worker processes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "sim/published/published_run.hpp"
#include "sim/published/run_case.hpp"

namespace towtank {

struct ValidationSetup {
  std::string data;  // the directory that holds profiles/ and scenarios/
  int processes = 1;
  std::string resume;  // file of answers, read at the start and added to; empty: none
};

/// The rows' cases in their order. A row whose process crashes or takes minutes has that as its
/// reason. `progress` is called with the rows answered so far, of all.
std::vector<RunCase> validate_runs(const std::vector<PublishedRun>& runs,
                                   const ValidationSetup& setup,
                                   const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace towtank
