#include "sim/cluster/generators/node_inside.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace towtank {
namespace {

/// What a kind of node is made of, besides its cards.
struct Insides {
  int gpus = 0;  // 0: any number
  int nvswitches = 1;
  int links_per_switch = 1;  // NVLinks from a GPU to one switch
  int gpus_per_pcie = 0;     // 0: no PCIe switch
  WireSpec gpu_pcie = {};
  WireSpec nic_pcie = {};
};

/// PCIe 5.0 x16: 32 GT/s on 16 lanes, in each direction, before encoding and headers.
constexpr Bandwidth kPcie5x16 = 64 * GB / second;
/// NVLink-C2C between a GPU and its Grace CPU: 900 GB/s, both directions together (NVIDIA, GB200
/// NVL72 datasheet).
constexpr Bandwidth kChipToChip = 450 * GB / second;

/// HGX H100: each GPU has 18 NVLinks to 4 NVSwitches, 4 or 5 to each, here taken as evenly spread
/// (NVIDIA, "NVIDIA Hopper Architecture In-Depth", 2022). NVL72: 18 NVLinks, 2 to each of 9 switch
/// trays (NVIDIA, GB200 NVL72 datasheet).
Insides insides_of_kind(NodeKind kind, int gpus) {
  switch (kind) {
    case NodeKind::kPlain:
      return {.nvswitches = gpus > 1 ? 1 : 0};
    case NodeKind::kHgx:
      return {.gpus = 8,
              .nvswitches = 4,
              .gpus_per_pcie = 2,
              .gpu_pcie = {.bandwidth = kPcie5x16},
              .nic_pcie = {.bandwidth = kPcie5x16}};
    case NodeKind::kNvl72:
      return {.gpus = 72,
              .nvswitches = 9,
              .links_per_switch = 2,
              .gpus_per_pcie = 2,
              .gpu_pcie = {.bandwidth = kChipToChip},
              .nic_pcie = {.bandwidth = kPcie5x16}};
  }
  return {};
}

/// The same link to GPUs and cards, as the user says, behind a switch in any case.
Insides with_pcie(Insides inside, const PcieSpec& pcie) {
  const WireSpec link{.bandwidth = payload_bandwidth(pcie)};
  inside.gpus_per_pcie =
      pcie.gpus_per_switch > 0 ? pcie.gpus_per_switch : std::max(1, inside.gpus_per_pcie);
  inside.gpu_pcie = link;
  inside.nic_pcie = link;
  return inside;
}

Insides insides(const FabricSpec& spec, int gpus) {
  const Insides inside = insides_of_kind(spec.node, gpus);
  return spec.pcie ? with_pcie(inside, *spec.pcie) : inside;
}

WireSpec wire_or(const WireSpec& given, const WireSpec& fallback) {
  return {.bandwidth = given.bandwidth > Bandwidth() ? given.bandwidth : fallback.bandwidth,
          .latency = given.latency};
}

void wire_one(int node,
              const NodeLayout& layout,
              std::uint16_t nvlink,
              std::uint16_t gpu_pcie,
              std::uint16_t nic_pcie,
              Wiring& wiring) {
  for (int gpu = 0; gpu < layout.gpus; ++gpu) {
    const DeviceId device = gpu_device(layout, node, gpu);
    for (int nvswitch = 0; nvswitch < layout.nvswitches; ++nvswitch) {
      wiring.connect(device, nvswitch_device(layout, node, nvswitch), nvlink);
    }
    if (layout.pcie_switches > 0) {
      wiring.connect(device, pcie_device(layout, node, gpu / layout.gpus_per_pcie), gpu_pcie);
      continue;
    }
    for (int k = 0; k < layout.nics_per_gpu; ++k) {
      wiring.connect(device, nic_device(layout, node, nic_of_gpu(layout, gpu, k)), gpu_pcie);
    }
  }
  for (int nic = 0; layout.pcie_switches > 0 && nic < layout.nics; ++nic) {
    const int pcie = gpu_of_nic(layout, nic) / layout.gpus_per_pcie;
    wiring.connect(pcie_device(layout, node, pcie), nic_device(layout, node, nic), nic_pcie);
  }
}

}  // namespace

NodeLayout plan_node(const FabricSpec& spec, const FabricSize& size) {
  const Insides inside = insides(spec, size.gpus_per_node);
  const int gpus = size.gpus_per_node;
  if (inside.gpus != 0 && inside.gpus != gpus) {
    throw InputError(spec.place,
                     fmt::format("a node of kind \"{}\" has {} GPUs, the cluster's nodes have {}",
                                 name(spec.node),
                                 inside.gpus,
                                 gpus),
                     "node = \"plain\" has any number of GPUs");
  }
  if (spec.nics_per_gpu > 1 && spec.gpus_per_nic > 1) {
    throw InputError(spec.place,
                     "several network cards a GPU and several GPUs a card at once",
                     "leave nics_per_gpu or gpus_per_nic at 1");
  }
  if (gpus % spec.gpus_per_nic != 0) {
    throw InputError(spec.place,
                     fmt::format("{} GPUs of a node cannot share cards {} by {}",
                                 gpus,
                                 spec.gpus_per_nic,
                                 spec.gpus_per_nic),
                     "gpus_per_nic must divide gpus_per_node");
  }
  const int per_pcie = std::max(inside.gpus_per_pcie, spec.gpus_per_nic);
  return {.nodes = size.nodes,
          .gpus = gpus,
          .nvswitches = inside.nvswitches,
          .pcie_switches = inside.gpus_per_pcie == 0 ? 0 : (gpus + per_pcie - 1) / per_pcie,
          .gpus_per_pcie = per_pcie,
          .nics = gpus / spec.gpus_per_nic * spec.nics_per_gpu,
          .nics_per_gpu = spec.nics_per_gpu,
          .gpus_per_nic = spec.gpus_per_nic};
}

void wire_nodes(const FabricSpec& spec,
                const FabricSize& size,
                NodeLayout& layout,
                Wiring& wiring) {
  const Insides inside = insides(spec, size.gpus_per_node);
  const auto nodes = static_cast<std::int64_t>(layout.nodes);
  wiring.add_devices(DeviceKind::kGpu, nodes * layout.gpus);
  layout.first_nvswitch = wiring.add_devices(DeviceKind::kNvSwitch, nodes * layout.nvswitches);
  layout.first_pcie = wiring.add_devices(DeviceKind::kPcieSwitch, nodes * layout.pcie_switches);
  layout.first_nic = wiring.add_devices(DeviceKind::kNic, nodes * layout.nics);
  // Half of the NVLink latency on each of the two links of a way through a switch.
  const std::uint16_t nvlink =
      wiring.type_of({.bandwidth = size.nvlink.bandwidth / std::max(1, layout.nvswitches),
                      .latency = size.nvlink.latency / 2.0,
                      .cables = inside.links_per_switch});
  // Without a PCIe switch a card sits at its GPU, with no less bandwidth than its port has.
  const WireSpec at_gpu{.bandwidth = size.nic.bandwidth};
  const WireSpec gpu_side =
      wire_or(spec.gpu_pcie, layout.pcie_switches > 0 ? inside.gpu_pcie : at_gpu);
  const WireSpec nic_side = wire_or(spec.nic_pcie, inside.nic_pcie);
  const std::uint16_t gpu_pcie =
      wiring.type_of({.bandwidth = gpu_side.bandwidth, .latency = gpu_side.latency});
  const std::uint16_t nic_pcie =
      layout.pcie_switches == 0
          ? gpu_pcie
          : wiring.type_of({.bandwidth = nic_side.bandwidth, .latency = nic_side.latency});
  wiring.reserve(static_cast<std::size_t>(nodes) *
                 static_cast<std::size_t>(layout.gpus * (layout.nvswitches + 1) + layout.nics));
  for (int node = 0; node < layout.nodes; ++node) {
    wire_one(node, layout, nvlink, gpu_pcie, nic_pcie, wiring);
  }
}

}  // namespace towtank
