// The cluster of a scenario, or of a file that is a cluster itself.
#pragma once

#include <string>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// Reads only the cluster, with the overrides laid over it; keys start with "cluster." in both
/// cases; others set nothing of a cluster's file, and are mistakes there. Throws InputError with
/// every mistake, EnvironmentError when a file cannot be read.
Cluster read_cluster_file(const std::string& path, const std::vector<Override>& overrides);

}  // namespace towtank
