#include <nlohmann/json.hpp>

#include "reports/profile_check_text.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json figures_object(const CheckFigures& figures) {
  Json object = {
      {"rows", figures.rows}, {"covered", figures.covered}, {"coverage", figures.coverage()}};
  const auto put = [&object, &figures](const char* key, double ErrorSpread::*figure) {
    object[key] = figures.errors ? Json((*figures.errors).*figure) : Json();
  };
  put("median_abs_error", &ErrorSpread::median);
  put("p90_abs_error", &ErrorSpread::p90);
  put("worst_error", &ErrorSpread::worst);
  put("bias", &ErrorSpread::bias);
  put("within_interval", &ErrorSpread::within);
  return object;
}

Json tables_array(const ProfileCheck& check) {
  Json tables = Json::array();
  for (const CheckedTable& table : check.tables) {
    tables.push_back({{"file", table.file},
                      {"kind", table.kind},
                      {"device", table.device},
                      {"version", table.version},
                      {"samples", table.samples},
                      {"skipped_rows", table.skipped}});
  }
  return tables;
}

Json groups_array(const ProfileCheck& check) {
  Json groups = Json::array();
  for (const CheckedGroup& group : check.groups) {
    Json object = {{"op", group.op}, {"precision", group.precision}, {"library", group.library}};
    object.update(figures_object(group.figures));
    groups.push_back(std::move(object));
  }
  return groups;
}

Json worst_array(const ProfileCheck& check) {
  Json rows = Json::array();
  for (const WorstRow& row : check.worst) {
    rows.push_back({{"file", row.file},
                    {"line", row.line},
                    {"op", row.op},
                    {"library", row.library},
                    {"measured_seconds", row.measured / second},
                    {"estimated_seconds", row.estimated / second},
                    {"error", row.error},
                    {"stated_error", row.stated_error},
                    {"origin", row.origin}});
  }
  return rows;
}

}  // namespace

std::string profile_check_json(const ProfileCheck& check) {
  Json object = {{"schema", "towtank.profile-check/1"}, {"profile", check.profile}};
  object.update(figures_object(check.all));
  object["tables"] = tables_array(check);
  object["groups"] = groups_array(check);
  object["worst"] = worst_array(check);
  object["notes"] = check.notes;
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
