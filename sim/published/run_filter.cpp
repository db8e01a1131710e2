#include "sim/published/run_filter.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/published/name_key.hpp"

namespace towtank {
namespace {

constexpr const char* kExample = "as in --filter 'gpu=H100-80GB,tp>1,source~MegaScale'";

std::optional<double> number_of(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

std::pair<CellRelation, std::size_t> relation_at(std::string_view text) {
  if (text.starts_with("!=")) {
    return {CellRelation::kUnequal, 2};
  }
  switch (text.front()) {
    case '~':
      return {CellRelation::kContains, 1};
    case '<':
      return {CellRelation::kLess, 1};
    case '>':
      return {CellRelation::kGreater, 1};
    default:
      return {CellRelation::kEqual, 1};
  }
}

CellCondition parse_condition(std::string_view text) {
  const Place place{.file = fmt::format("--filter {}", text)};
  const std::size_t at = text.find_first_of("!=~<>");
  if (at == std::string_view::npos || text.substr(at) == "!") {
    throw InputError(place, "expected COLUMN and one of = != ~ < >", kExample);
  }
  const std::string column(text.substr(0, at));
  const std::optional<std::size_t> known = run_column(column);
  if (!known) {
    const std::vector<std::string> all(kRunColumns.begin(), kRunColumns.end());
    throw InputError(place, fmt::format("there is no column '{}'", column), suggest(column, all));
  }
  const auto [relation, length] = relation_at(text.substr(at));
  CellCondition condition{
      .column = *known, .relation = relation, .value = lower_case_text(text.substr(at + length))};
  const bool ordered = relation == CellRelation::kLess || relation == CellRelation::kGreater;
  if (ordered && !number_of(condition.value)) {
    throw InputError(place, "< and > need a number", kExample);
  }
  return condition;
}

bool equal(const std::string& cell, const std::string& value) {
  const std::optional<double> a = number_of(cell);
  const std::optional<double> b = number_of(value);
  return a && b ? *a == *b : cell == value;
}

bool holds(const CellCondition& condition, const std::string& cell) {
  const std::optional<double> number = number_of(cell);
  switch (condition.relation) {
    case CellRelation::kEqual:
      return equal(cell, condition.value);
    case CellRelation::kUnequal:
      return !equal(cell, condition.value);
    case CellRelation::kContains:
      return cell.find(condition.value) != std::string::npos;
    case CellRelation::kLess:
      return number && *number < *number_of(condition.value);
    case CellRelation::kGreater:
      return number && *number > *number_of(condition.value);
  }
  return false;
}

}  // namespace

RunFilter parse_run_filter(std::string_view text) {
  RunFilter filter;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    filter.conditions.push_back(parse_condition(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return filter;
}

bool matches(const RunFilter& filter, const PublishedRun& run) {
  return std::ranges::all_of(filter.conditions, [&](const CellCondition& condition) {
    return holds(condition, lower_case_text(run.cells[condition.column]));
  });
}

}  // namespace towtank
