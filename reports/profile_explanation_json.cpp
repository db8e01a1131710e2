#include <utility>

#include <nlohmann/json.hpp>

#include "reports/profile_explanation_text.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json known_object(const KnownTime& known) {
  return {{"seconds", known.time / second},
          {"error", known.error},
          {"origin", known.origin},
          {"beyond_measured", known.beyond}};
}

Json achieved_object(const Explanation& explanation) {
  Json object = Json::object();
  if (explanation.compute_rate) {
    object["flops"] = *explanation.compute_rate / (flop / second);
  }
  if (explanation.memory_rate) {
    object["memory_bytes_per_second"] = *explanation.memory_rate / (byte / second);
  }
  if (explanation.link_rate) {
    object["link_bytes_per_second"] = *explanation.link_rate / (byte / second);
  }
  return object;
}

Json roofline_array(const Explanation& explanation) {
  Json sides = Json::array();
  for (const RooflineSide& side : explanation.roofline) {
    sides.push_back({{"limit", side.limit},
                     {"work", side.work},
                     {"peak", side.peak},
                     {"least_seconds", side.least / second},
                     {"reached", side.reached}});
  }
  return sides;
}

Json fit_object(const FitUsed& fit) {
  return {{"kernels", fit.kernels},
          {"library", fit.library},
          {"rows", fit.rows},
          {"median_abs_error", fit.median},
          {"p90_abs_error", fit.p90},
          {"transferred", fit.transferred},
          {"source", {{"text", fit.source}, {"date", fit.date}}}};
}

Json sizes_object(const std::vector<std::string>& axes, const std::vector<double>& sizes) {
  Json object = Json::object();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    object[axes[i]] = sizes[i];
  }
  return object;
}

Json neighbours_array(const Explanation& explanation) {
  Json neighbours = Json::array();
  for (const Neighbour& neighbour : explanation.neighbours) {
    neighbours.push_back({{"sizes", sizes_object(explanation.axes, neighbour.sizes)},
                          {"seconds", neighbour.time / second},
                          {"distance", neighbour.distance},
                          {"source", neighbour.source}});
  }
  return neighbours;
}

Json alternatives_array(const Explanation& explanation) {
  Json alternatives = Json::array();
  for (const Alternative& other : explanation.alternatives) {
    Json object = {{"library", other.library}};
    object.update(known_object(other.known));
    alternatives.push_back(std::move(object));
  }
  return alternatives;
}

}  // namespace

std::string profile_explanation_json(const Explanation& explanation) {
  Json object = {{"schema", "towtank.profile-explanation/1"},
                 {"profile", explanation.gpu},
                 {"op", explanation.op},
                 {"sms", explanation.sms},
                 {"library", explanation.library}};
  object.update(known_object(explanation.known));
  object["achieved"] = achieved_object(explanation);
  object["roofline"] = roofline_array(explanation);
  object["fit"] = explanation.fit ? fit_object(*explanation.fit) : Json();
  object["sizes"] = sizes_object(explanation.axes, explanation.asked);
  object["nearest"] = neighbours_array(explanation);
  object["libraries"] = alternatives_array(explanation);
  object["notes"] = explanation.notes;
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
