// The load of experts for people to read.
#pragma once

#include <string>

#include "reports/experts_report.hpp"
#include "reports/text_layout.hpp"

namespace towtank {

/// Figures of every layout beside each other, then the loads of nodes and of ranks.
std::string experts_text(const ExpertsReport& report, Colour colour);

}  // namespace towtank
