// The JSON object of a training projection, for the writers of this folder.
#pragma once

#include <nlohmann/json.hpp>

#include "reports/training_report.hpp"

namespace towtank {

nlohmann::ordered_json training_object(const TrainingReport& report);

}  // namespace towtank
