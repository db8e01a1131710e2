// A scenario as sorted key-value text, for comparing two of them.
#pragma once

#include <vector>

#include "sim/profile/toml_document.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// Every value in force under its key in the scenario file ("plan.pipeline" -> "16"), defaults and
/// derived values included, in one spelling a value: "50 GB/s" however the file wrote it. Sources
/// and titles are left out, except the price's. Places are those of the document. Sorted by key.
std::vector<ScenarioEntry> scenario_entries(const Scenario& scenario, const TomlNode& document);

}  // namespace towtank
