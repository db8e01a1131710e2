// What a job runs on: GPUs in nodes, the links each GPU owns, and how the nodes are joined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/cluster/fabric_spec.hpp"

namespace towtank {

/// A link every GPU owns one of, full duplex; bandwidth is per direction and raw, before protocol
/// overheads, which are the profile's to know.
struct GpuLink {
  Bandwidth bandwidth;
  Seconds latency;
  int links = 0;  // that it is made of; 0: not known
};

/// A GPU that is not as fast as the others, or whose links are not.
struct GpuFault {
  int gpu = 0;            // numbered node by node
  double slowdown = 1.0;  // its kernels take this much longer
  double nvlink = 1.0;    // fraction of the bandwidth that is left
  double nic = 1.0;       // likewise
};

/// Which nodes of a larger fabric these are.
struct Placement {
  int fabric_nodes = 0;
  std::vector<int> nodes;  // one for each node of the cluster, in its order; none twice
};

/// Nodes of identical GPUs. Inside a node every GPU reaches every other through its NVLink port and
/// a non-blocking switch; between nodes through its own NIC and the fabric.
struct Cluster {
  std::string name;
  std::string gpu;  // name of the profile that knows this GPU
  int nodes = 0;
  int gpus_per_node = 0;
  GpuLink nvlink;
  GpuLink nic;
  int idle = 0;  // GPUs at the end of the last node that nobody uses or pays for: less than a node
  std::vector<GpuFault> faults = {};  // at most one a GPU
  /// The wires inside nodes and between them; without it, both are non-blocking.
  std::optional<FabricSpec> fabric = {};
  /// Where the nodes are on it; without it, they are all of its nodes.
  std::optional<Placement> placement = {};

  /// Those in use, which come first.
  int gpus() const { return nodes * gpus_per_node - idle; }
};

}  // namespace towtank
