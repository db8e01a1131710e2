// A comparison of projections for machines.
#pragma once

#include <span>
#include <string>

#include "reports/training_report.hpp"

namespace towtank {

/// One JSON object ("schema": "towtank.comparison/1"): "reports" holds each projection as
/// training_json() writes it, "differences" what separates each further one from the first.
std::string comparison_json(std::span<const TrainingReport> reports);

}  // namespace towtank
