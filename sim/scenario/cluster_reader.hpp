// The [cluster] table.
#pragma once

#include <string>

#include "sim/cluster/cluster.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// Reads a cluster with its fabric and its faults. Files that the fabric names are sought from the
/// directory of the file that names them, or of `scenario_path` when the command line does.
/// `mistakes` are the table's.
Cluster read_cluster(TomlTable table, const std::string& scenario_path, Mistakes& mistakes);

}  // namespace towtank
