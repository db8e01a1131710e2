// How fast the ports of a cluster's GPUs are when nothing is broken and nothing else moves.
#pragma once

#include "sim/cluster/cluster.hpp"
#include "sim/collective/timing.hpp"

namespace towtank {

/// Without faults: all cards of a GPU together as far as PCIe lets them work, and how many GPUs
/// share one. All GPUs of a cluster have the same.
PortSpeeds port_speeds(const Cluster& cluster);

}  // namespace towtank
