#include "reports/network_json.hpp"

#include <cstdint>

#include <nlohmann/json.hpp>

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json simulation_object(const NetworkSimulation& simulation) {
  Json object = {{"wire", simulation.wire},
                 {"gpu", simulation.gpu < 0 ? Json() : Json(simulation.gpu)},
                 {"wires_alike", simulation.alike},
                 {"busy", simulation.busy},
                 {"latency_seconds", simulation.latency / second},
                 {"gpus", simulation.gpus},
                 {"classes", simulation.classes},
                 {"flows", simulation.flows},
                 {"grain", simulation.grain}};
  if (simulation.alone) {
    object["alone_seconds"] = *simulation.alone / second;
  }
  return object;
}

Json row_object(const NetworkRow& row) {
  Json object = {{"bytes", static_cast<std::int64_t>(row.bytes / byte)},
                 {"seconds", row.time / second},
                 {"relative_error", row.error},
                 {"algbw", row.algorithm_bandwidth / (byte / second)},
                 {"busbw", row.bus_bandwidth / (byte / second)},
                 {"algorithm", row.algorithm},
                 {"protocol", row.protocol},
                 {"limited_by", row.limit}};
  if (row.simulation) {
    object["simulation"] = simulation_object(*row.simulation);
  }
  return object;
}

Json table_object(const NetworkTable& table) {
  Json rows = Json::array();
  for (const NetworkRow& row : table.rows) {
    rows.push_back(row_object(row));
  }
  return {{"collective", table.collective}, {"rows", rows}};
}

void add_notes(const std::vector<std::string>& notes, Json& object) {
  if (!notes.empty()) {
    object["notes"] = notes;
  }
}

}  // namespace

std::string network_json(const NetworkReport& report) {
  Json tables = Json::array();
  for (const NetworkTable& table : report.tables) {
    tables.push_back(table_object(table));
  }
  Json object = {{"schema", "towtank.network/1"},
                 {"cluster", report.cluster},
                 {"gpu", report.gpu},
                 {"groups", report.groups},
                 {"ranks", report.ranks},
                 {"stride", report.stride},
                 {"nodes", report.nodes},
                 {"collectives", tables},
                 {"sources", report.sources}};
  if (report.host_copy > Bytes()) {
    object["host_copy_bytes"] = report.host_copy / byte;
  }
  add_notes(report.notes, object);
  return object.dump(2) + "\n";
}

std::string pairs_json(const PairsReport& report) {
  Json object = {{"schema", "towtank.network-pairs/1"},
                 {"cluster", report.cluster},
                 {"gpu", report.gpu},
                 {"ranks", report.ranks},
                 {"nodes", report.nodes},
                 {"matrix", report.file},
                 {"pairs", report.pairs},
                 {"bytes", report.bytes / byte},
                 {"seconds", report.time / second},
                 {"relative_error", report.error},
                 {"protocol", report.protocol},
                 {"limited_by", report.limit},
                 {"simulation", simulation_object(report.simulation)},
                 {"fullest_port", report.fullest_port},
                 {"fullest_port_bytes", report.fullest_bytes / byte},
                 {"bound_seconds", report.bound / second},
                 {"sources", report.sources}};
  add_notes(report.notes, object);
  return object.dump(2) + "\n";
}

}  // namespace towtank
