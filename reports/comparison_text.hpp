// Projections side by side to read, and why they differ.
#pragma once

#include <span>
#include <string>

#include "reports/text_layout.hpp"
#include "reports/training_report.hpp"

namespace towtank {

/// A column for each projection, with its difference from the first in percent; then, for each
/// further one, the inputs that differ and the reasons of the change of step time and bill.
std::string comparison_text(std::span<const TrainingReport> reports, Colour colour);

}  // namespace towtank
