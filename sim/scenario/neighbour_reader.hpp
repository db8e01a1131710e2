// Other jobs beside a scenario's, and which nodes of the cluster each has.
#pragma once

#include <string>

#include "sim/profile/toml_table.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// The nodes of `plan.nodes`; all of them where it is absent or wrong, which is recorded.
std::vector<int> read_job_nodes(TomlTable& plan, const Cluster& whole);

/// The jobs of `[[neighbour]]`, each a scenario of its own, sought from the directory of the file
/// that names it. Only its model and plan count: it runs on the `nodes` given, of this scenario's
/// cluster. Records as mistakes, at the neighbour: a scenario that cannot be read or has mistakes,
/// for other GPUs or other nodes of them than the cluster's, for another number of nodes than it
/// gets, or with neighbours itself; nodes that others have; and a cluster without a fabric, on
/// which jobs share nothing.
std::vector<NeighbourJob> read_neighbours(TomlTable& root,
                                          const Scenario& scenario,
                                          const std::string& scenario_path,
                                          Mistakes& mistakes);

}  // namespace towtank
