// What must hold between the values of a scenario: ranks multiply up, experts divide, batches suit
// the schedule.
#pragma once

#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// Records every broken rule at the place of the value to change, with a value that would do. Rules
/// about values that were already found wrong are left out, so `scenario` may hold stand-ins there.
/// Derives `plan.data` when the document does not give it.
void check_rules(Scenario& scenario, const TomlNode& document, Mistakes& mistakes);

}  // namespace towtank
