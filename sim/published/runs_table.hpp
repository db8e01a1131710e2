// Tables of measured training runs, as comma-separated text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/published/published_run.hpp"

namespace towtank {

/// The runs of a table whose first line names kRunColumns. A cell that cannot be read is a mistake
/// of its row alone. InputError when columns are missing or unknown, for two rows of one id, and
/// for what is no comma-separated text; `file` names it.
std::vector<PublishedRun> runs_of_table(std::string_view text, const std::string& file);

/// Reads the file. EnvironmentError when that is not possible.
std::vector<PublishedRun> read_runs_table(const std::string& path);

}  // namespace towtank
