// A training projection to read: one screen of text.
#pragma once

#include <string>

#include "reports/text_layout.hpp"
#include "reports/training_report.hpp"

namespace towtank {

/// The projection on one screen. Only its last line, on the engine, differs between two runs.
std::string training_text(const TrainingReport& report, Colour colour);

/// Phases and memory of every pipeline rank.
std::string ranks_text(const TrainingReport& report, Colour colour);

/// Why the plan does not fit, in one line; empty when it does.
std::string memory_overflow(const MemoryReport& memory);

}  // namespace towtank
