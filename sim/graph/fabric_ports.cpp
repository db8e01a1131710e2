#include "sim/graph/fabric_ports.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

double left_of(const std::map<int, double>& faults, int gpu) {
  const auto found = faults.find(gpu);
  return found == faults.end() ? 1.0 : found->second;
}

}  // namespace

FabricPorts::FabricPorts(const Cluster& cluster, const Fabric& fabric)
    : cluster_(cluster), fabric_(fabric) {
  for (const GpuFault& fault : cluster.faults) {
    nic_faults_[fault.gpu] = fault.nic;
    nvlink_faults_[fault.gpu] = fault.nvlink;
  }
  if (cluster.placement) {
    check(static_cast<int>(cluster.placement->nodes.size()) == cluster.nodes,
          "every node of a cluster is somewhere on the fabric");
    cluster_node_.assign(at(cluster.placement->fabric_nodes), -1);
    for (int node = 0; node < cluster.nodes; ++node) {
      cluster_node_.at(at(cluster.placement->nodes[at(node)])) = node;
    }
  }
  check_nvlinks();
}

int FabricPorts::on_fabric(int gpu) const {
  if (!cluster_.placement) {
    return gpu;
  }
  const int gpus = cluster_.gpus_per_node;
  return cluster_.placement->nodes[at(gpu / gpus)] * gpus + gpu % gpus;
}

int FabricPorts::of_cluster(int gpu_on_fabric) const {
  if (!cluster_.placement) {
    return gpu_on_fabric;
  }
  const int gpus = cluster_.gpus_per_node;
  const int node = cluster_node_[at(gpu_on_fabric / gpus)];
  check(node >= 0, "traffic stays on the nodes of its ends");
  return node * gpus + gpu_on_fabric % gpus;
}

void FabricPorts::check_nvlinks() const {
  for (const Fault& fault : fabric_.spec.faults) {
    for (const std::string& name : fault.devices) {
      const DeviceId device = find_device(fabric_, name, fault.place);
      if (fault.factor > 0.0 || fabric_.kind(device) != DeviceKind::kNvSwitch) {
        continue;
      }
      const int node = static_cast<int>(device - fabric_.node.first_nvswitch) /
                       std::max(1, fabric_.node.nvswitches);
      if (cluster_node_.empty() || cluster_node_[at(node)] >= 0) {
        check_nvlinks(node, fault.place);
      }
    }
  }
}

/// Every GPU of a node reaches every other over some switch.
void FabricPorts::check_nvlinks(int node, const Place& place) const {
  std::vector<std::uint64_t> reached(at(fabric_.node.gpus), 0);  // switches, as bits
  check(fabric_.node.nvswitches <= 64, "a node has at most 64 NVLink switches");
  for (int gpu = 0; gpu < fabric_.node.gpus; ++gpu) {
    const auto device = static_cast<DeviceId>(node * fabric_.node.gpus + gpu);
    const LinkId first = fabric_.first_link(device);
    for (int link = 0; link < fabric_.node.nvswitches; ++link) {
      const bool sound = fabric_.link(first + link).bandwidth > Bandwidth();
      reached[at(gpu)] |= sound ? std::uint64_t{1} << static_cast<unsigned>(link) : 0U;
    }
  }
  for (int a = 0; a < fabric_.node.gpus; ++a) {
    for (int b = a + 1; b < fabric_.node.gpus; ++b) {
      if ((reached[at(a)] & reached[at(b)]) == 0) {
        const auto first = static_cast<DeviceId>(node * fabric_.node.gpus);
        throw InputError(
            place,
            fmt::format("failed NVLinks leave {} and {} no NVLink switch that both reach",
                        device_name(fabric_, first + static_cast<DeviceId>(a)),
                        device_name(fabric_, first + static_cast<DeviceId>(b))),
            "GPUs of a node without NVLink between them are not modelled; remove a fault, or the "
            "node from the cluster");
      }
    }
  }
}

Bandwidth FabricPorts::port(int gpu, Medium medium) const {
  if (medium == Medium::kNvlink) {
    return nvlink_port(on_fabric(gpu)) * left_of(nvlink_faults_, gpu);
  }
  const Bandwidth port = network_port(on_fabric(gpu));
  if (port <= Bandwidth()) {
    return cluster_.nic.bandwidth * fabric_.node.nics_per_gpu;
  }
  return port * left_of(nic_faults_, gpu);
}

Bandwidth FabricPorts::network_speed(int gpu) const {
  const Bandwidth own = port(gpu, Medium::kNic);
  if (!fabric_.spec.pcie) {
    return own;
  }
  const int device = on_fabric(gpu);
  const int first = device / fabric_.node.gpus * fabric_.node.nics + device % fabric_.node.gpus /
                                                                         fabric_.node.gpus_per_nic *
                                                                         fabric_.node.nics_per_gpu;
  Bandwidth cards;
  for (int k = 0; k < fabric_.node.nics_per_gpu; ++k) {
    cards += card(first + k);
  }
  return std::min({own, cards, gpu_pcie(device)});
}

Bandwidth FabricPorts::card_cable(int card) const {
  const DeviceId device = fabric_.node.first_nic + static_cast<DeviceId>(card);
  return fabric_.link(fabric_.first_link(device) + fabric_.ports(device) - 1).bandwidth;
}

Bandwidth FabricPorts::card_pcie(int card) const {
  return fabric_.link(fabric_.first_link(fabric_.node.first_nic + static_cast<DeviceId>(card)))
      .bandwidth;
}

Bandwidth FabricPorts::card(int card) const {
  const Bandwidth cable = card_cable(card);
  return fabric_.node.pcie_switches > 0 ? std::min(cable, card_pcie(card)) : cable;
}

Bandwidth FabricPorts::gpu_pcie(int gpu_on_fabric) const {
  const LinkId first = fabric_.first_link(static_cast<DeviceId>(gpu_on_fabric));
  return fabric_.link(first + fabric_.node.nvswitches).bandwidth;
}

Bandwidth FabricPorts::network_port(int gpu) const {
  const NodeLayout& node = fabric_.node;
  const LinkId pcie = fabric_.first_link(static_cast<DeviceId>(gpu)) + node.nvswitches;
  const bool direct = node.pcie_switches == 0;
  const int own = gpu % node.gpus / node.gpus_per_nic * node.nics_per_gpu;
  Bandwidth all;
  for (int k = 0; k < node.nics_per_gpu; ++k) {
    const int number = gpu / node.gpus * node.nics + own + k;
    const Bandwidth through = card(number);
    if (direct) {
      all += std::min(through, fabric_.link(pcie + k).bandwidth);
    } else if (fabric_.spec.pcie) {
      all += through > Bandwidth() ? card_cable(number) : Bandwidth();
    } else {
      all += through;
    }
  }
  if (direct) {
    return all;
  }
  if (fabric_.spec.pcie) {
    return gpu_pcie(gpu) > Bandwidth() ? all : Bandwidth();
  }
  return std::min(all, gpu_pcie(gpu));
}

/// Before the faults of GPUs. Traffic is spread evenly over the NVLink switches that work.
Bandwidth FabricPorts::nvlink_port(int gpu) const {
  const LinkId first = fabric_.first_link(static_cast<DeviceId>(gpu));
  const int switches = fabric_.node.nvswitches;
  int working = 0;
  double worst = 1.0;
  for (LinkId link = first; link < first + switches; ++link) {
    const double health = fabric_.link(link).health;
    working += health > 0.0 ? 1 : 0;
    worst = health > 0.0 ? std::min(worst, health) : worst;
  }
  if (working == 0) {
    return cluster_.nvlink.bandwidth;
  }
  return cluster_.nvlink.bandwidth * (worst * working / switches);
}

}  // namespace towtank
