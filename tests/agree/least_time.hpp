// What a movement cannot be faster than, from a cluster's description alone: a way of its own to
// the bound, beside the loads that a run counts.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/collective/movement.hpp"
#include "sim/profile/network_costs.hpp"

namespace towtank {

/// Of the transfers. A GPU's NVLink traffic leaves and enters by its own port; network traffic by
/// the cards of its node, and by its own where no neighbour can pass it on.
inline Seconds least_time(const Movement& movement,
                          const std::vector<Member>& members,
                          const NetworkCost& cost,
                          const Cluster& cluster) {
  const FabricSpec spec = cluster.fabric.value_or(FabricSpec{});
  const bool own_cards = spec.kind == FabricKind::kNonblocking || spec.kind == FabricKind::kFatTree;
  const double cards = static_cast<double>(spec.nics_per_gpu) / spec.gpus_per_nic;
  const Bandwidth of_node = cluster.nic.bandwidth * (cards * cluster.gpus_per_node);
  Seconds sum;
  for (const MovementPhase& phase : movement.phases) {
    const std::vector<PortLoad> loads = port_loads(phase, members);
    std::map<int, PortLoad> of;
    Seconds longest;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      GpuFault fault;
      for (const GpuFault& known : cluster.faults) {
        fault = known.gpu == members[i].gpu ? known : fault;
      }
      const Bytes nvlink = std::max(loads[i].nvlink_out, loads[i].nvlink_in);
      const Bytes nic = std::max(loads[i].nic_out, loads[i].nic_in);
      longest =
          std::max(longest, nvlink / (cluster.nvlink.bandwidth * (fault.nvlink * cost.nvlink)));
      if (own_cards) {
        const double share = fault.nic * cost.nic * spec.nics_per_gpu;
        longest = std::max(longest, nic / (cluster.nic.bandwidth * share));
      }
      PortLoad& node = of[members[i].node];
      node.nic_out += loads[i].nic_out;
      node.nic_in += loads[i].nic_in;
      longest = std::max(longest, std::max(node.nic_out, node.nic_in) / (of_node * cost.nic));
    }
    sum += longest;
  }
  return sum;
}

}  // namespace towtank
