// The rank grids and what each kind of group moves, to read.
#pragma once

#include "reports/text_layout.hpp"
#include "reports/training_report.hpp"

namespace towtank {

/// Both grids, and a row for each kind of communication.
Lines groups_block(const TrainingReport& report, Colour colour);

}  // namespace towtank
