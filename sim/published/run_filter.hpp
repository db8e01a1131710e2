// Which rows of a table of runs are meant: "gpu=H100-80GB,tp>1,source~MegaScale".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sim/published/published_run.hpp"

namespace towtank {

/// How a cell is held against a value. Numbers are compared as numbers, texts letter by letter
/// whatever their case; a blank cell is neither less nor greater than anything.
enum class CellRelation { kEqual, kUnequal, kContains, kLess, kGreater };

struct CellCondition {
  std::size_t column = 0;  // of kRunColumns
  CellRelation relation = CellRelation::kEqual;
  std::string value;
};

/// Conditions that must all hold.
struct RunFilter {
  std::vector<CellCondition> conditions;
};

/// Reads "COLUMN=VALUE,COLUMN>VALUE,..."; relations are = != ~ (contains) < and >. Empty text lets
/// everything through. InputError, with what there is, for another column or relation.
RunFilter parse_run_filter(std::string_view text);

bool matches(const RunFilter& filter, const PublishedRun& run);

}  // namespace towtank
