// The load of experts for machines.
#pragma once

#include <string>

#include "reports/experts_report.hpp"

namespace towtank {

/// One JSON object ("schema": "towtank.experts/1"). Loads are of the mean, bytes of one dispatch.
std::string experts_json(const ExpertsReport& report);

}  // namespace towtank
