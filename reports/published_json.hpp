// Projections of published runs for machines: the whole validation, and one row as one line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/published/run_case.hpp"
#include "sim/published/score.hpp"

namespace towtank {

/// One object: `rows` (in scope), `covered`, the error statistics as fractions, groups, sweeps, and
/// `cases` with an entry a row of the table. What is not known is null.
std::string published_json(const std::vector<RunCase>& cases, const Score& score);

/// A case as one line of JSON without its line end; `key` identifies what it is the answer to.
std::string case_line(const RunCase& result, const std::string& key);

/// A line of case_line().
struct KeyedCase {
  std::string key;
  RunCase result;
};

/// Reads it back; nothing for a line that is none, such as one cut off in the middle.
std::optional<KeyedCase> case_of_line(std::string_view line);

}  // namespace towtank
