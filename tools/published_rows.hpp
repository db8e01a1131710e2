// The rows of a table of published runs that a command is asked for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sim/published/published_run.hpp"

namespace towtank {

/// Towtank's own table, below the directory that holds profiles/ and scenarios/.
inline constexpr const char* kOwnTable = "scenarios/published/runs.csv";

/// The rows of `csv`, or of the table of `data` where that is empty, that `filter` lets through.
/// InputError when none is left.
std::vector<PublishedRun> published_rows(const std::filesystem::path& data,
                                         const std::string& csv,
                                         const std::string& filter);

/// So many processes; for 0 one for each of the CPU's cores.
int processes_of(int jobs);

/// One line on a terminal that counts up; a line every hundred rows elsewhere. On stderr.
void tell_progress(std::size_t answered, std::size_t all);

}  // namespace towtank
