#include <nlohmann/json.hpp>

#include "reports/profile_text.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json datasheet_object(const DatasheetEntry& gpu) {
  return {{"sms", gpu.sms},
          {"bf16_flops", gpu.bf16_peak / (flop / second)},
          {"fp8_flops", gpu.fp8_peak / (flop / second)},
          {"memory_bytes_per_second", gpu.memory_bandwidth / (byte / second)},
          {"memory_bytes", gpu.memory / byte},
          {"source", gpu.source}};
}

Json sources_object(const ProfileReport& report) {
  Json sources = Json::object();
  for (const SourceEntry& source : report.sources) {
    sources[source.key] = {{"text", source.text}, {"date", source.date}};
  }
  return sources;
}

Json links_array(const ProfileReport& report) {
  Json links = Json::array();
  for (const LinkEntry& link : report.links) {
    links.push_back({{"kind", name(link.kind)},
                     {"medium", name(link.medium)},
                     {"alone", link.alone},
                     {"shared", link.shared},
                     {"start_up_seconds", link.start_up / second},
                     {"error", link.error},
                     {"origin", link.origin},
                     {"source", link.source}});
  }
  return links;
}

Json sizes_object(const FitEntry& fit) {
  Json sizes = Json::object();
  for (const SizeRange& range : fit.sizes) {
    sizes[range.axis] = {range.least, range.most};
  }
  return sizes;
}

Json fits_array(const ProfileReport& report) {
  Json fits = Json::array();
  for (const FitEntry& fit : report.fits) {
    fits.push_back({{"op", fit.op},
                    {"precision", fit.precision},
                    {"library", fit.library},
                    {"rows", fit.rows},
                    {"parameters", fit.parameters},
                    {"points", fit.points},
                    {"median_abs_error", fit.median},
                    {"p90_abs_error", fit.p90},
                    {"error_90", {fit.least_error, fit.greatest_error}},
                    {"sizes", sizes_object(fit)},
                    {"transferred", fit.transferred},
                    {"source", fit.source}});
  }
  return fits;
}

Json points_array(const ProfileReport& report) {
  Json points = Json::array();
  for (const PointGroup& group : report.groups) {
    for (const PointEntry& point : group.points) {
      points.push_back({{"op", group.op},
                        {"shape", point.shape},
                        {"sms", point.sms},
                        {"seconds", point.time / second},
                        {"utilisation", point.utilisation},
                        {"spread", point.spread},
                        {"transferred", point.transferred},
                        {"source", point.source},
                        {"library", point.library}});
    }
  }
  return points;
}

Json ops_array(const ProfileReport& report) {
  Json ops = Json::array();
  for (const ResolvedOp& op : report.ops) {
    ops.push_back({{"op", op.op},
                   {"sms", op.sms},
                   {"seconds", op.time / second},
                   {"error", op.error},
                   {"origin", op.origin},
                   {"nearest", op.nearest},
                   {"share", op.share}});
  }
  return ops;
}

}  // namespace

std::string profile_json(const ProfileReport& report) {
  const FallbackEntry& fallback = report.fallback;
  Json profile = {
      {"schema", "towtank.profile/1"},
      {"name", report.name},
      {"gpu", datasheet_object(report.datasheet)},
      {"launch", {{"seconds", report.launch / second}, {"source", report.launch_source}}},
      {"fallback",
       {{"compute", fallback.compute},
        {"memory", fallback.memory},
        {"link", fallback.link},
        {"error", fallback.error},
        {"source", fallback.source}}},
      {"links", links_array(report)},
      {"fits", fits_array(report)},
      {"measured", points_array(report)},
      {"sources", sources_object(report)}};
  if (report.transfer) {
    profile["transfer"] = {{"from", report.transfer->from},
                           {"reason", report.transfer->reason},
                           {"error", report.transfer->error}};
  }
  if (!report.scenario.empty()) {
    profile["scenario"] = report.scenario;
    profile["ops"] = ops_array(report);
  }
  return profile.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
