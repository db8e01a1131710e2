#include <nlohmann/json.hpp>

#include "reports/profile_comparison_text.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json datasheet_array(const ProfileComparison& comparison) {
  Json figures = Json::array();
  for (const ComparedFigure& figure : comparison.datasheet) {
    figures.push_back({{"figure", figure.figure},
                       {"values", figure.values},
                       {"ratio", figure.ratio == 0.0 ? Json() : Json(figure.ratio)}});
  }
  return figures;
}

Json kernels_array(const ProfileComparison& comparison) {
  Json array = Json::array();
  for (const ComparedKernels& kernels : comparison.kernels) {
    array.push_back({{"op", kernels.op},
                     {"precision", kernels.precision},
                     {"libraries", kernels.libraries},
                     {"ops", kernels.ops},
                     {"both_measured", kernels.both_measured},
                     {"median_ratio", kernels.median},
                     {"p10_ratio", kernels.p10},
                     {"p90_ratio", kernels.p90},
                     {"error", kernels.error},
                     {"origins", kernels.known_as}});
  }
  return array;
}

}  // namespace

std::string profile_comparison_json(const ProfileComparison& comparison) {
  const Json object = {{"schema", "towtank.profile-comparison/1"},
                       {"profiles", comparison.profiles},
                       {"datasheet", datasheet_array(comparison)},
                       {"kernels", kernels_array(comparison)},
                       {"notes", comparison.notes}};
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
