#include "reports/published_json.hpp"

#include <array>

#include <nlohmann/json.hpp>

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kAgainst = {"nothing", "step", "tokens", "efficiency"};

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json seconds_or_null(const std::optional<Seconds>& time) {
  return time ? Json(*time / second) : Json(nullptr);
}

Json case_object(const RunCase& row) {
  const bool projected = row.projected.has_value();
  return {{"id", row.id},
          {"measured", seconds_or_null(row.measured)},
          {"projected", seconds_or_null(row.projected)},
          {"low", projected ? Json(row.low / second) : Json(nullptr)},
          {"high", projected ? Json(row.high / second) : Json(nullptr)},
          {"error", or_null(row.error())},
          {"reason", row.reason.empty() ? Json(nullptr) : Json(row.reason)},
          {"assumptions", row.assumptions},
          {"source", row.source},
          {"model", row.model},
          {"gpu", row.gpu},
          {"gpus", row.gpus},
          {"precision", row.precision},
          {"stack", row.stack},
          {"plan", row.plan},
          {"step_tokens", row.step_tokens},
          {"against", kAgainst[static_cast<std::size_t>(row.against)]},
          {"in_scope", row.in_scope}};
}

std::optional<Seconds> time_of(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>() * second);
}

Measured against_of(const std::string& word) {
  for (std::size_t i = 0; i < kAgainst.size(); ++i) {
    if (kAgainst[i] == word) {
      return static_cast<Measured>(i);
    }
  }
  return Measured::kNothing;
}

RunCase case_of_object(const Json& object) {
  RunCase row;
  row.id = object.at("id").get<std::string>();
  row.source = object.at("source").get<std::string>();
  row.model = object.at("model").get<std::string>();
  row.gpu = object.at("gpu").get<std::string>();
  row.gpus = object.at("gpus").get<std::int64_t>();
  row.precision = object.at("precision").get<std::string>();
  row.stack = object.at("stack").get<std::string>();
  row.plan = object.at("plan").get<std::string>();
  row.step_tokens = object.at("step_tokens").get<double>();
  row.against = against_of(object.at("against").get<std::string>());
  row.in_scope = object.at("in_scope").get<bool>();
  row.measured = time_of(object.at("measured"));
  row.projected = time_of(object.at("projected"));
  row.low = time_of(object.at("low")).value_or(Seconds{});
  row.high = time_of(object.at("high")).value_or(Seconds{});
  row.reason = object.at("reason").is_null() ? "" : object.at("reason").get<std::string>();
  row.assumptions = object.at("assumptions").get<std::vector<std::string>>();
  return row;
}

Json statistics_object(const ErrorStatistics& errors) {
  return {{"covered", errors.cases},
          {"median_abs_error", errors.median_abs},
          {"mean_abs_error", errors.mean_abs},
          {"bias", errors.bias},
          {"p90_abs_error", errors.p90_abs},
          {"inside_range", errors.inside_range}};
}

Json groups_array(const std::vector<CaseGroup>& groups) {
  Json array = Json::array();
  for (const CaseGroup& group : groups) {
    Json object = {{"name", group.name}, {"rows", group.rows}};
    object.update(statistics_object(group.errors));
    array.push_back(object);
  }
  return array;
}

Json sweeps_array(const std::vector<Sweep>& sweeps) {
  Json array = Json::array();
  for (const Sweep& sweep : sweeps) {
    array.push_back({{"source", sweep.source},
                     {"model", sweep.model},
                     {"gpu", sweep.gpu},
                     {"gpus", sweep.gpus},
                     {"cases", sweep.cases},
                     {"spearman", sweep.spearman}});
  }
  return array;
}

}  // namespace

std::string published_json(const std::vector<RunCase>& cases, const Score& score) {
  Json object = {{"table_rows", score.table_rows}, {"rows", score.rows}};
  object.update(statistics_object(score.errors));
  object["covered"] = score.covered;
  object["coverage"] = score.coverage();
  object["median_spearman"] = or_null(score.median_spearman);
  Json efficiency = {{"rows", score.efficiency_rows}};
  efficiency.update(statistics_object(score.efficiency));
  object["efficiency_only"] = efficiency;
  object["by_gpu"] = groups_array(score.by_gpu);
  object["by_source"] = groups_array(score.by_source);
  object["by_stack"] = groups_array(score.by_stack);
  object["sweeps"] = sweeps_array(score.sweeps);
  Json entries = Json::array();
  for (const RunCase& row : cases) {
    entries.push_back(case_object(row));
  }
  object["cases"] = entries;
  return object.dump(2) + "\n";
}

std::string case_line(const RunCase& result, const std::string& key) {
  const Json line = {{"key", key}, {"case", case_object(result)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<KeyedCase> case_of_line(std::string_view line) {
  try {
    const Json object = Json::parse(line);
    return KeyedCase{.key = object.at("key").get<std::string>(),
                     .result = case_of_object(object.at("case"))};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace towtank
