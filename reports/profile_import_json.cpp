#include <utility>

#include <nlohmann/json.hpp>

#include "reports/profile_import_text.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json left_out_array(const ImportedTable& table) {
  Json left_out = Json::array();
  for (const LeftOut& left : table.left_out) {
    left_out.push_back({{"reason", left.reason}, {"rows", left.rows}});
  }
  return left_out;
}

Json kernels_array(const ImportedTable& table) {
  Json kernels = Json::array();
  for (const UnmappedKernel& kernel : table.kernels) {
    kernels.push_back({{"name", kernel.name},
                       {"calls", kernel.calls},
                       {"seconds", kernel.time / second},
                       {"why", kernel.why}});
  }
  return kernels;
}

Json tables_array(const ImportReport& report) {
  Json tables = Json::array();
  for (const ImportedTable& table : report.tables) {
    tables.push_back({{"file", table.file},
                      {"kind", table.kind},
                      {"device", table.device},
                      {"version", table.version},
                      {"samples", table.samples},
                      {"left_out", left_out_array(table)},
                      {"mapped_seconds", table.mapped / second},
                      {"unmapped_seconds", table.unmapped / second},
                      {"unmapped", kernels_array(table)}});
  }
  return tables;
}

Json fits_array(const ImportReport& report) {
  Json fits = Json::array();
  for (const ImportedFit& fit : report.fits) {
    fits.push_back({{"op", fit.op},
                    {"precision", fit.precision},
                    {"library", fit.library},
                    {"rows", fit.rows},
                    {"rank", fit.rank},
                    {"parameters", fit.parameters},
                    {"points", fit.points},
                    {"median_abs_error", fit.median},
                    {"p90_abs_error", fit.p90},
                    {"source", fit.source}});
  }
  return fits;
}

}  // namespace

std::string profile_import_json(const ImportReport& report) {
  const Json object = {{"schema", "towtank.profile-import/1"},
                       {"file", report.file},
                       {"profile", report.profile},
                       {"base", report.base},
                       {"bytes", report.bytes},
                       {"tables", tables_array(report)},
                       {"fits", fits_array(report)},
                       {"single_measurements", report.single},
                       {"kept_fits", report.kept_fits},
                       {"notes", report.notes}};
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
