#include "sim/graph/port_speeds.hpp"

#include "sim/graph/fabric_wires.hpp"

namespace towtank {

PortSpeeds port_speeds(const Cluster& cluster) {
  if (!cluster.fabric) {
    return {.nvlink = cluster.nvlink.bandwidth, .nic = cluster.nic.bandwidth};
  }
  // A node as the cluster's, sound, by itself.
  Cluster node = cluster;
  node.nodes = 1;
  node.faults.clear();
  node.placement.reset();
  node.fabric->kind = FabricKind::kNonblocking;
  node.fabric->planes = 1;
  node.fabric->faults.clear();
  const FabricWires wires(node);
  return {.nvlink = wires.port(0, Medium::kNvlink),
          .nic = wires.network_speed(0),
          .card = wires.card(0),
          .gpus_per_card = node.fabric->gpus_per_nic};
}

}  // namespace towtank
