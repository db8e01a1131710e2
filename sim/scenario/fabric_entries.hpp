// A fabric's values as text, for comparing scenarios.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/cluster/fabric_spec.hpp"

namespace towtank {

/// (key below cluster.fabric, value), as far as the values matter to a fabric of this kind.
std::vector<std::pair<std::string, std::string>> fabric_entries(const FabricSpec& fabric);

}  // namespace towtank
