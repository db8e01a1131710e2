#include "sim/graph/same_ways.hpp"

#include <cstddef>

#include "sim/cluster/fabric.hpp"

namespace towtank {
namespace {

/// The switch of each GPU's card.
std::vector<int> leaf_switches(const Cluster& cluster) {
  const Fabric fabric = make_fabric(
      *cluster.fabric,
      {.nodes = cluster.nodes,
       .gpus_per_node = cluster.gpus_per_node,
       .nvlink = {.bandwidth = cluster.nvlink.bandwidth, .latency = cluster.nvlink.latency},
       .nic = {.bandwidth = cluster.nic.bandwidth, .latency = cluster.nic.latency},
       .idle = cluster.idle});
  std::vector<int> leaves;
  leaves.reserve(static_cast<std::size_t>(cluster.gpus()));
  for (int gpu = 0; gpu < cluster.gpus(); ++gpu) {
    const int card = gpu / cluster.gpus_per_node * fabric.node.nics + gpu % cluster.gpus_per_node;
    const DeviceId device = fabric.node.first_nic + static_cast<DeviceId>(card);
    // The card's last port is the one that leads out of the node.
    const LinkId uplink = fabric.first_link(device) + fabric.ports(device) - 1;
    leaves.push_back(static_cast<int>(fabric.head(uplink)));
  }
  return leaves;
}

}  // namespace

SameWays::SameWays(const Cluster& cluster) : cluster_(&cluster) {
  const FabricSpec& spec = *cluster.fabric;
  const bool plain =
      spec.nics_per_gpu == 1 && spec.gpus_per_nic == 1 && !spec.pcie && spec.faults.empty();
  if (!plain || spec.routing == RoutingRule::kEcmp) {
    return;
  }
  by_sender_ = true;
  by_receiver_ = spec.routing == RoutingRule::kAdaptive;
  leaves_ = leaf_switches(cluster);
}

int SameWays::leaf(int gpu) const {
  return leaves_[static_cast<std::size_t>(gpu)];
}

bool SameWays::on_one_rail(int place, int other) const {
  const FabricSpec& spec = *cluster_->fabric;
  if (spec.kind == FabricKind::kMultiPlane) {
    return place % spec.planes == other % spec.planes;
  }
  return spec.kind != FabricKind::kRailOptimised || spec.cross_rail == CrossRail::kSpine ||
         place == other;
}

}  // namespace towtank
