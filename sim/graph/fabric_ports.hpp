// How fast the ports of a cluster's GPUs are on its fabric: what their NVLinks, cards and PCIe
// links are, and what faults leave of them.
#pragma once

#include <map>
#include <vector>

#include "sim/base/vocabulary.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/cluster/fabric.hpp"

namespace towtank {

/// GPUs are numbered as the cluster's, wherever its nodes are on the fabric, unless it says "on the
/// fabric".
class FabricPorts {
 public:
  /// `fabric` is the cluster's; both outlive this. Throws InputError where failed NVLinks leave two
  /// GPUs of a node no NVLink switch that both reach.
  FabricPorts(const Cluster& cluster, const Fabric& fabric);

  int on_fabric(int gpu) const;
  /// BrokenClaim for a GPU of a node that is not the cluster's.
  int of_cluster(int gpu_on_fabric) const;

  /// In each direction, with what faults leave. NIC: all cards of the GPU together, as far as PCIe
  /// lets them work; where PCIe is described (FabricSpec::pcie), its links are wires of their own
  /// and not counted here. A port of which faults leave nothing carries nothing: it is given as it
  /// would be without them. NVLink is spread evenly over the switches that work: a GPU that has
  /// lost some of its links has that much less.
  Bandwidth port(int gpu, Medium medium) const;

  /// What one GPU alone gets through to the network: its NIC port, or its PCIe link.
  Bandwidth network_speed(int gpu) const;

  /// A card's cable, or its PCIe link below a PCIe switch where that is narrower. Cards are
  /// numbered node by node of the fabric.
  Bandwidth card(int card) const;

  Bandwidth card_cable(int card) const;
  /// Of the link between a card and its PCIe switch, which there is.
  Bandwidth card_pcie(int card) const;
  /// Of the link between a GPU on the fabric and its PCIe switch, which there is.
  Bandwidth gpu_pcie(int gpu_on_fabric) const;

  /// Before the faults of GPUs, of one on the fabric; nothing when no card of it works.
  Bandwidth network_port(int gpu_on_fabric) const;

 private:
  Bandwidth nvlink_port(int gpu_on_fabric) const;
  void check_nvlinks() const;
  void check_nvlinks(int node, const Place& place) const;

  const Cluster& cluster_;
  const Fabric& fabric_;
  std::vector<int> cluster_node_;     // of each of the fabric's; -1: not the cluster's
  std::map<int, double> nic_faults_;  // of GPUs: fraction of the network port that is left
  std::map<int, double> nvlink_faults_;
};

}  // namespace towtank
