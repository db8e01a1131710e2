// What a job runs on: GPUs in nodes, the links each GPU owns, and how the nodes are joined.
#pragma once

#include <cstdint>
#include <string>

#include "sim/base/units.hpp"

namespace towtank {

/// A link every GPU owns one of, full duplex; bandwidth is per direction and raw, before protocol
/// overheads, which are the profile's to know.
struct GpuLink {
  Bandwidth bandwidth;
  Seconds latency;
};

/// Nodes of identical GPUs. Inside a node every GPU reaches every other through its NVLink port and
/// a non-blocking switch; between nodes through its own NIC and a non-blocking fabric.
struct Cluster {
  std::string name;
  std::string gpu;  // name of the profile that knows this GPU
  int nodes = 0;
  int gpus_per_node = 0;
  GpuLink nvlink;
  GpuLink nic;

  int gpus() const { return nodes * gpus_per_node; }
};

}  // namespace towtank
