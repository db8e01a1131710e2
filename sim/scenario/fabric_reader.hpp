// The fabric of a cluster from TOML.
#pragma once

#include <string>
#include <vector>

#include "sim/cluster/fabric.hpp"
#include "sim/cluster/fabric_spec.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// Reads a [fabric] table. An edge list is sought from the directory of the file that names it, or
/// of `scenario_path` when the command line does. `mistakes` are the
/// table's; those of an edge list are added to them.
FabricSpec read_fabric(TomlTable table, const std::string& scenario_path, Mistakes& mistakes);

/// A cluster as far as its wires go.
struct FabricFile {
  std::string name;
  FabricSpec spec;
  FabricSize size;
};

/// Reads the cluster of a scenario, or a file that is a cluster itself, with the overrides laid
/// over it; in both cases keys start with "cluster.". Without a [fabric] the fabric is one ideal
/// switch. Throws InputError with every mistake, EnvironmentError when a file cannot be read.
FabricFile read_fabric_file(const std::string& path, const std::vector<Override>& overrides);

}  // namespace towtank
