// The inside of nodes: NVLink switches, PCIe switches, network cards.
#pragma once

#include "sim/cluster/fabric.hpp"
#include "sim/cluster/wiring.hpp"

namespace towtank {

/// Counts the devices of a node. Throws InputError when the kind of node has other GPUs than the
/// cluster, or the cards do not divide among them.
NodeLayout plan_node(const FabricSpec& spec, const FabricSize& size);

/// Adds the devices of all nodes and their cables, and sets where they are in `layout`. Ports, in
/// order: of a GPU, its NVLink switches, then its PCIe switch or its cards; of an NVLink switch,
/// its GPUs; of a PCIe switch, its GPUs, then its cards; of a card, its PCIe switch or GPUs, and
/// then what the network adds.
void wire_nodes(const FabricSpec& spec, const FabricSize& size, NodeLayout& layout, Wiring& wiring);

/// Vertices of node-local devices; indices count within the node.
inline DeviceId gpu_device(const NodeLayout& layout, int node, int gpu) {
  return static_cast<DeviceId>(node * layout.gpus + gpu);
}
inline DeviceId nvswitch_device(const NodeLayout& layout, int node, int nvswitch) {
  return layout.first_nvswitch + static_cast<DeviceId>(node * layout.nvswitches + nvswitch);
}
inline DeviceId pcie_device(const NodeLayout& layout, int node, int pcie) {
  return layout.first_pcie + static_cast<DeviceId>(node * layout.pcie_switches + pcie);
}
inline DeviceId nic_device(const NodeLayout& layout, int node, int nic) {
  return layout.first_nic + static_cast<DeviceId>(node * layout.nics + nic);
}

/// The `k`th card of a GPU, and the first GPU of a card; k < nics_per_gpu.
inline int nic_of_gpu(const NodeLayout& layout, int gpu, int k) {
  return gpu / layout.gpus_per_nic * layout.nics_per_gpu + k;
}
inline int gpu_of_nic(const NodeLayout& layout, int nic) {
  return nic / layout.nics_per_gpu * layout.gpus_per_nic;
}

}  // namespace towtank
