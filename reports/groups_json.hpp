// The rank grids and what each kind of group moves, for machines.
#pragma once

#include <nlohmann/json.hpp>

#include "reports/training_report.hpp"

namespace towtank {

/// Both grids with the product of their degrees, and how ranks are numbered.
nlohmann::ordered_json grids_object(const GridReport& grid);

/// One object for each kind of communication.
nlohmann::ordered_json groups_array(const TrainingReport& report);

}  // namespace towtank
