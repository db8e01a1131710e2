// A training projection for machines: one JSON object, and the figures in it by their path.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reports/training_report.hpp"

namespace towtank {

/// The projection as one JSON object ("schema": "towtank.training/1"), indented, ending in a
/// newline. Numbers are in base units unless their key names another. Keys keep their order and
/// meaning between versions; more may be added.
std::string training_json(const TrainingReport& report);

/// The number at a path of that object, such as "step.seconds"; nothing if there is no number.
std::optional<double> report_metric(const TrainingReport& report, std::string_view metric);

}  // namespace towtank
