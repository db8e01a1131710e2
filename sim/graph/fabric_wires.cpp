#include "sim/graph/fabric_wires.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>
#include <variant>

#include <boost/container_hash/hash.hpp>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

FabricSize size_of(const Cluster& cluster) {
  return {.nodes = cluster.placement ? cluster.placement->fabric_nodes : cluster.nodes,
          .gpus_per_node = cluster.gpus_per_node,
          .nvlink = {.bandwidth = cluster.nvlink.bandwidth, .latency = cluster.nvlink.latency},
          .nic = {.bandwidth = cluster.nic.bandwidth, .latency = cluster.nic.latency},
          .idle = cluster.idle};
}

/// Without even trees, or with failures in some, cables carry unequally much.
bool is_uneven(const Fabric& fabric) {
  const auto* network = std::get_if<TreeNetwork>(&fabric.network);
  return network == nullptr || std::ranges::any_of(network->trees, &Tree::has_failures);
}

/// GPUs of a device's node that still reach the network by a card of theirs.
std::int64_t sound_gpus(const Fabric& fabric, const FabricPorts& ports, DeviceId device) {
  const DeviceBlock& block = fabric.block_of(device);
  const auto in_node = static_cast<int>(block.count) / std::max(1, fabric.node.nodes);
  const int node = static_cast<int>(device - block.first) / in_node;
  std::int64_t sound = 0;
  const int last = std::min((node + 1) * fabric.node.gpus, fabric.gpus() - fabric.size.idle);
  for (int gpu = node * fabric.node.gpus; gpu < last; ++gpu) {
    sound += ports.network_port(gpu) > Bandwidth() ? 1 : 0;
  }
  return sound;
}

/// Traffic divides over the cards of a GPU, over paths where these are unequal, and over the sound
/// cards of a node in which some have failed.
int units_of_a_flow(const Fabric& fabric, const FabricPorts& ports) {
  std::int64_t units = fabric.node.nics_per_gpu;
  if (fabric.spec.routing == RoutingRule::kAdaptive && is_uneven(fabric)) {
    units = std::lcm(units, kUnitsOfSpreadTraffic);
  }
  if (!fabric.has_failures) {
    return static_cast<int>(units);
  }
  units = std::lcm(units, kUnitsOfSpreadTraffic);
  for (const Fault& fault : fabric.spec.faults) {
    const DeviceId device = find_device(fabric, fault.devices.front(), fault.place);
    if (fault.factor > 0.0 || is_switch(fabric, device)) {
      continue;
    }
    const std::int64_t sound = sound_gpus(fabric, ports, device);
    const std::int64_t with_these = std::lcm(units, std::max<std::int64_t>(sound, 1));
    units = with_these <= kMostUnits ? with_these : units;
  }
  return static_cast<int>(units);
}

/// What PCIe carries is counted in payload (see pcie.hpp).
FabricWire pcie_wire(const std::string& name, Bandwidth capacity) {
  return {.name = name, .capacity = capacity, .cables = 1, .payload = true};
}

}  // namespace

std::uint64_t FabricWire::attribute() const {
  std::size_t attribute = std::hash<std::string>()(name);
  boost::hash_combine(attribute, capacity.si());
  return attribute;
}

FabricWires::FabricWires(const Cluster& cluster)
    : cluster_(cluster),
      fabric_(make_fabric(*cluster.fabric, size_of(cluster))),
      router_(fabric_),
      ports_(cluster_, fabric_),
      bundles_(fabric_, cluster.nic.bandwidth),
      cards_are_wires_(fabric_.node.gpus_per_nic > 1 ||
                       (fabric_.node.nics_per_gpu > 1 && !fabric_.spec.faults.empty())),
      units_(fabric_.node.nics_per_gpu, units_of_a_flow(fabric_, ports_), fabric_.spec.place) {}

void FabricWires::let_units_grow() {
  check(wires_.empty(), "units grow before the first way is asked for");
  units_.let_grow();
}

void FabricWires::begin_path() {
  path_.shares.clear();
  path_.ports.clear();
  path_.latency = {};
}

const FabricPath& FabricWires::between(int from, int to) {
  const int from_gpu = ports_.on_fabric(from);
  const int to_gpu = ports_.on_fabric(to);
  begin_path();
  const std::vector<CardWay> ways = router_.card_ways(from_gpu, to_gpu);
  if (ways.empty()) {
    std::vector<Crossing> none;
    router_.route(from_gpu, to_gpu, Medium::kNic, none);  // says why
  }
  const bool straight = std::ranges::all_of(
      ways, [&](const CardWay& way) { return way.from_gpu == from_gpu && way.to_gpu == to_gpu; });
  for (const CardWay& way : ways) {
    if (!straight) {
      pass_ports(way, from_gpu, to_gpu);
    }
    follow(way, from_gpu, to_gpu);
  }
  std::ranges::sort(path_.shares);
  return path_;
}

void FabricWires::pass_ports(const CardWay& way, int from_gpu, int to_gpu) {
  const auto pass = [&](int gpu_on_fabric, Medium medium, PortSide side) {
    const int gpu = ports_.of_cluster(gpu_on_fabric);
    const auto known = std::ranges::find_if(path_.ports, [&](const PortShare& port) {
      return port.gpu == gpu && port.medium == medium && port.side == side;
    });
    const int units = units_.of(way.share);
    if (known != path_.ports.end()) {
      known->units += units;
    } else {
      path_.ports.push_back({.gpu = gpu, .medium = medium, .side = side, .units = units});
    }
  };
  const auto hand_over = [&](int from, int to) {
    if (from != to) {
      pass(from, Medium::kNvlink, PortSide::kOut);
      pass(to, Medium::kNvlink, PortSide::kIn);
    }
  };
  hand_over(from_gpu, way.from_gpu);
  pass(way.from_gpu, Medium::kNic, PortSide::kOut);
  pass(way.to_gpu, Medium::kNic, PortSide::kIn);
  hand_over(way.to_gpu, to_gpu);
}

void FabricWires::follow(const CardWay& way, int from_gpu, int to_gpu) {
  check(way.from_gpu != way.to_gpu, "the network joins GPUs of different nodes");
  cross_end(way.from_gpu, way.from_card, PortSide::kOut, way.share);
  cross_end(way.to_gpu, way.to_card, PortSide::kIn, way.share);
  Seconds latency;
  if (const Tree* tree = bundles_.even_tree(way.from_card)) {
    const std::size_t before = path_.shares.size();
    cross_tree(*tree, way);
    latency = latency_of_climb(path_.shares.size() - before, way);
  } else {
    std::vector<Crossing> route;
    router_.cross_network(way.from_card, way.to_card, 1.0, route);
    cross_links(way, route);
    latency = route_latency(fabric_, route);
  }
  const int handed_over = (from_gpu != way.from_gpu ? 1 : 0) + (to_gpu != way.to_gpu ? 1 : 0);
  const FabricSpec& spec = fabric_.spec;
  const Seconds pcie =
      spec.gpu_pcie.latency +
      (fabric_.node.pcie_switches > 0 ? spec.nic_pcie.latency : Seconds());  // at either end
  path_.latency += way.share * (latency + 2.0 * pcie + handed_over * 1.0 * cluster_.nvlink.latency);
}

/// All ways that climb equally many tiers are equally long.
Seconds FabricWires::latency_of_climb(std::size_t crossed, const CardWay& way) {
  const auto [entry, is_new] = latency_of_climb_.try_emplace(crossed);
  if (is_new) {
    std::vector<Crossing> route;
    router_.cross_network(way.from_card, way.to_card, 1.0, route);
    entry->second = route_latency(fabric_, route);
  }
  return entry->second;
}

void FabricWires::cross_card(int card_index, PortSide side, double share) {
  if (cards_are_wires_) {
    const bool out = side == PortSide::kOut;
    const WireKey key = kCardKey + static_cast<WireKey>(card_index) * 2 + (out ? 0 : 1);
    add_share(wire(key, {.name = out ? "card out" : "card in", .capacity = card(card_index)}),
              share);
  }
}

/// A GPU's PCIe link, where it is a wire of its own.
void FabricWires::cross_pcie(int gpu, PortSide side, double share) {
  const bool out = side == PortSide::kOut;
  const WireKey key = kPcieKey + static_cast<WireKey>(gpu) * 2 + (out ? 0 : 1);
  add_share(wire(key, pcie_wire(out ? "PCIe out" : "PCIe in", ports_.gpu_pcie(gpu))), share);
}

/// What is between a GPU and the switch of its card.
void FabricWires::cross_end(int gpu, int card_index, PortSide side, double share) {
  cross_card(card_index, side, share);
  if (!fabric_.spec.pcie) {
    return;
  }
  cross_pcie(gpu, side, share);
  if (!cards_are_wires_ && ports_.card_pcie(card_index) < ports_.card_cable(card_index)) {
    const bool out = side == PortSide::kOut;
    const WireKey key = kCardKey + static_cast<WireKey>(card_index) * 2 + (out ? 0 : 1);
    const std::string name = out ? "card PCIe out" : "card PCIe in";
    add_share(wire(key, pcie_wire(name, ports_.card_pcie(card_index))), share);
  }
}

const FabricPath& FabricWires::host_copy(int gpu, PortSide side) {
  if (!fabric_.spec.pcie) {
    const bool chip_to_chip = fabric_.spec.node == NodeKind::kNvl72;
    throw InputError(
        fabric_.spec.place,
        "how GPUs reach the memory of their hosts is not described",
        chip_to_chip
            ? "NVLink-C2C is not modelled: without --host-copy, or nodes whose hosts are on PCIe"
            : "cluster.fabric.pcie = {generation = 5, lanes = 16}");
  }
  begin_path();
  const int device = ports_.on_fabric(gpu);
  const int local = device % fabric_.node.gpus;
  const int pcie_switch =
      device / fabric_.node.gpus * fabric_.node.pcie_switches + local / fabric_.node.gpus_per_pcie;
  const bool out = side == PortSide::kOut;
  cross_pcie(device, side, 1.0);
  const WireKey key = kUplinkKey + static_cast<WireKey>(pcie_switch) * 2 + (out ? 0 : 1);
  const Bandwidth uplink = payload_bandwidth(*fabric_.spec.pcie);
  add_share(wire(key, pcie_wire(out ? "PCIe uplink out" : "PCIe uplink in", uplink)), 1.0);
  std::ranges::sort(path_.shares);
  return path_;
}

/// Up from the sender's subtree until the receiver is below, and down into the receiver's.
void FabricWires::cross_tree(const Tree& tree, const CardWay& way) {
  const std::int64_t from = fabric_.endpoints[static_cast<std::size_t>(way.from_card)];
  const std::int64_t to = fabric_.endpoints[static_cast<std::size_t>(way.to_card)];
  for (std::size_t tier = 0; tier + 1 < tree.first.size(); ++tier) {
    const std::int64_t below = tree.below[tier];
    if (from / below == to / below) {
      return;
    }
    const TreeBundle up = bundles_.bundle(tree, tier, from / below);
    const TreeBundle down = bundles_.bundle(tree, tier, to / below);
    add_share(wire(up.key, {.name = up.tier + " up", .capacity = up.capacity, .cables = up.cables}),
              way.share);
    add_share(wire(down.key + 1,
                   {.name = down.tier + " down", .capacity = down.capacity, .cables = down.cables}),
              way.share);
  }
}

/// The links of a route between the switches; its ends are the cards' own.
void FabricWires::cross_links(const CardWay& way, const std::vector<Crossing>& route) {
  for (const Crossing& crossing : route) {
    if (is_switch(fabric_, fabric_.tail(crossing.link)) &&
        is_switch(fabric_, fabric_.head(crossing.link))) {
      cross_link(crossing.link, crossing.share * way.share);
    }
  }
}

void FabricWires::cross_link(LinkId link, double share) {
  const std::string name = std::string(towtank::name(fabric_.kind(fabric_.tail(link)))) + " to " +
                           std::string(towtank::name(fabric_.kind(fabric_.head(link))));
  const LinkType& type = fabric_.link(link);
  add_share(wire(static_cast<WireKey>(link),
                 {.name = name, .capacity = type.bandwidth, .cables = type.cables}),
            share);
}

/// Several ways of one flow may cross one wire.
void FabricWires::add_share(int wire, double share) {
  const auto known = std::ranges::find(path_.shares, wire, &WireShare::wire);
  if (known != path_.shares.end()) {
    known->units += units_.of(share);
  } else {
    path_.shares.push_back({.wire = wire, .units = units_.of(share)});
  }
}

int FabricWires::wire(WireKey key, const FabricWire& made) {
  const auto [entry, is_new] = known_.try_emplace(key, static_cast<int>(wires_.size()));
  if (is_new) {
    wires_.push_back(made);
  }
  return entry->second;
}

}  // namespace towtank
