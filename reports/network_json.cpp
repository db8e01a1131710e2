#include "reports/network_json.hpp"

#include <cstdint>

#include <nlohmann/json.hpp>

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json row_object(const NetworkRow& row) {
  return {{"bytes", static_cast<std::int64_t>(row.bytes / byte)},
          {"seconds", row.time / second},
          {"relative_error", row.error},
          {"algbw", row.algorithm_bandwidth / (byte / second)},
          {"busbw", row.bus_bandwidth / (byte / second)},
          {"algorithm", row.algorithm},
          {"protocol", row.protocol},
          {"limited_by", row.limit}};
}

Json table_object(const NetworkTable& table) {
  Json rows = Json::array();
  for (const NetworkRow& row : table.rows) {
    rows.push_back(row_object(row));
  }
  return {{"collective", table.collective}, {"rows", rows}};
}

}  // namespace

std::string network_json(const NetworkReport& report) {
  Json tables = Json::array();
  for (const NetworkTable& table : report.tables) {
    tables.push_back(table_object(table));
  }
  const Json object = {{"schema", "towtank.network/1"},
                       {"cluster", report.cluster},
                       {"gpu", report.gpu},
                       {"ranks", report.ranks},
                       {"nodes", report.nodes},
                       {"collectives", tables},
                       {"sources", report.sources}};
  return object.dump(2) + "\n";
}

}  // namespace towtank
