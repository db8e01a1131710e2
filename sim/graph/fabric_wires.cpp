#include "sim/graph/fabric_wires.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// 2^5 3^2 5 7 11: every division into up to 12 equal parts, and into 32, is a whole number of it.
constexpr int kUnitsOfSpreadTraffic = 110880;
constexpr int kMostUnits = 1 << 26;  // times the copies of a flow, inside 31 bits

// Kinds of wires, in the upper bits of their keys; a single link's key is its number.
constexpr std::uint64_t kBundle = std::uint64_t{1} << 62U;
constexpr std::uint64_t kCard = std::uint64_t{1} << 63U;

FabricSize size_of(const Cluster& cluster) {
  return {.nodes = cluster.placement ? cluster.placement->fabric_nodes : cluster.nodes,
          .gpus_per_node = cluster.gpus_per_node,
          .nvlink = {.bandwidth = cluster.nvlink.bandwidth, .latency = cluster.nvlink.latency},
          .nic = {.bandwidth = cluster.nic.bandwidth, .latency = cluster.nic.latency}};
}

bool is_adaptive(const Fabric& fabric) {
  return fabric.spec.routing == RoutingRule::kAdaptive;
}

bool is_switch(const Fabric& fabric, DeviceId device) {
  return fabric.kind(device) >= DeviceKind::kLeaf;
}

std::string tier_name(int tier) {
  constexpr std::array kNames = {"leaf", "spine", "core"};
  return kNames[static_cast<std::size_t>(std::min(tier, 2))];
}

/// The cables between a subtree and what is above it; both directions.
std::uint64_t bundle(const Tree& tree, std::size_t tier, std::int64_t subtree) {
  const std::uint64_t place = static_cast<std::uint64_t>(subtree) * 16 + tier;
  return kBundle + (place * 2048 + static_cast<std::uint64_t>(tree.plane + 1)) * 2;
}

/// The tree of a switch, and its tier there.
std::pair<const Tree*, std::size_t> tree_of(const Fabric& fabric,
                                            const TreeNetwork& network,
                                            DeviceId device) {
  const int plane = std::max(fabric.block_of(device).plane, 0);
  const Tree& tree = network.trees.at(static_cast<std::size_t>(plane));
  auto tier = static_cast<std::size_t>(tree.tiers() - 1);
  while (device < tree.first[tier]) {
    --tier;
  }
  return {&tree, tier};
}

/// Of the simplest fraction that the share is but for rounding (by continued fractions).
std::int64_t denominator(double share) {
  constexpr double kRounding = 1e-12;
  constexpr std::int64_t kMost = 1 << 19;  // fractions below differ by more than that
  std::int64_t before = 0;
  std::int64_t last = 1;
  double rest = share;
  while (last < kMost && std::abs(share * static_cast<double>(last) -
                                  std::round(share * static_cast<double>(last))) >
                             kRounding * static_cast<double>(last)) {
    rest = 1.0 / (rest - std::floor(rest));
    before = std::exchange(last, static_cast<std::int64_t>(rest) * last + before);
  }
  return last;
}

}  // namespace

FabricWires::FabricWires(const Cluster& cluster)
    : cluster_(cluster), fabric_(make_fabric(*cluster.fabric, size_of(cluster))), router_(fabric_) {
  for (const GpuFault& fault : cluster.faults) {
    nic_faults_[fault.gpu] = fault.nic;
    nvlink_faults_[fault.gpu] = fault.nvlink;
  }
  if (cluster.placement) {
    check(static_cast<int>(cluster.placement->nodes.size()) == cluster.nodes,
          "every node of a cluster is somewhere on the fabric");
    cluster_node_.assign(static_cast<std::size_t>(cluster.placement->fabric_nodes), -1);
    for (int node = 0; node < cluster.nodes; ++node) {
      cluster_node_.at(static_cast<std::size_t>(
          cluster.placement->nodes[static_cast<std::size_t>(node)])) = node;
    }
  }
  check_faults();
  const auto* network = std::get_if<TreeNetwork>(&fabric_.network);
  uneven_ = network == nullptr || std::ranges::any_of(network->trees, &Tree::has_failures);
  note_slow_cables();
  cards_are_wires_ = fabric_.node.gpus_per_nic > 1 ||
                     (fabric_.node.nics_per_gpu > 1 && !fabric_.spec.faults.empty());
  units_ = units_of_a_flow();
}

/// Traffic over NVLink is spread evenly over the switches that both of its ends reach. When all
/// GPUs of a node reach the same ones, a port's share of each is fixed; else it is not.
void FabricWires::check_faults() const {
  for (const Fault& fault : fabric_.spec.faults) {
    const auto is = [&](DeviceKind kind) {
      return std::ranges::any_of(fault.devices, [&](const std::string& device) {
        return fabric_.kind(find_device(fabric_, device, fault.place)) == kind;
      });
    };
    if (fault.factor <= 0.0 && is(DeviceKind::kGpu) && is(DeviceKind::kNvSwitch)) {
      throw InputError(fault.place,
                       "steps are simulated with failed NVLink switches and with slow NVLinks, not "
                       "with a failed NVLink of one GPU",
                       "factor = 0.5, or [[cluster.fault]] with gpu = 17 and nvlink = 0.75");
    }
  }
}

void FabricWires::note_slow_cables() {
  const auto* network = std::get_if<TreeNetwork>(&fabric_.network);
  if (network == nullptr) {
    return;
  }
  for (const Fault& fault : fabric_.spec.faults) {
    const DeviceId device = find_device(fabric_, fault.devices.front(), fault.place);
    if (!is_switch(fabric_, device)) {
      continue;
    }
    const LinkId first = fabric_.first_link(device);
    for (LinkId link = first; link < first + fabric_.ports(device); ++link) {
      const DeviceId other = fabric_.head(link);
      const double health = fabric_.link(link).health;
      if (!is_switch(fabric_, other) || health >= 1.0) {
        continue;
      }
      const auto [tree, tier] = tree_of(fabric_, *network, std::min(device, other));
      const std::int64_t index = std::min(device, other) - tree->first[tier];
      double& worst = worst_cable_.try_emplace(bundle(*tree, tier, index / tree->copies[tier]), 1.0)
                          .first->second;
      worst = std::min(worst, health);
    }
  }
}

/// Traffic divides over the cards of a GPU, over paths where these are unequal, and over the sound
/// cards of a node in which some have failed.
int FabricWires::units_of_a_flow() const {
  std::int64_t units = fabric_.node.nics_per_gpu;
  if (is_adaptive(fabric_) && uneven_) {
    units = std::lcm(units, kUnitsOfSpreadTraffic);
  }
  if (!fabric_.has_failures) {
    return static_cast<int>(units);
  }
  units = std::lcm(units, kUnitsOfSpreadTraffic);
  for (const Fault& fault : fabric_.spec.faults) {
    const DeviceId device = find_device(fabric_, fault.devices.front(), fault.place);
    if (fault.factor > 0.0 || is_switch(fabric_, device)) {
      continue;
    }
    const DeviceId first = fabric_.block_of(device).first;
    const auto in_node =
        static_cast<int>(fabric_.block_of(device).count) / std::max(1, fabric_.node.nodes);
    const int node = static_cast<int>(device - first) / in_node;
    std::int64_t sound = 0;
    for (int gpu = node * fabric_.node.gpus; gpu < (node + 1) * fabric_.node.gpus; ++gpu) {
      sound += network_port(gpu) > Bandwidth() ? 1 : 0;
    }
    const std::int64_t with_these = std::lcm(units, std::max<std::int64_t>(sound, 1));
    units = with_these <= kMostUnits ? with_these : units;
  }
  return static_cast<int>(units);
}

int FabricWires::on_fabric(int gpu) const {
  if (!cluster_.placement) {
    return gpu;
  }
  const int gpus = cluster_.gpus_per_node;
  return cluster_.placement->nodes[static_cast<std::size_t>(gpu / gpus)] * gpus + gpu % gpus;
}

int FabricWires::of_cluster(int gpu_on_fabric) const {
  if (!cluster_.placement) {
    return gpu_on_fabric;
  }
  const int gpus = cluster_.gpus_per_node;
  const int node = cluster_node_[static_cast<std::size_t>(gpu_on_fabric / gpus)];
  check(node >= 0, "traffic stays on the nodes of its ends");
  return node * gpus + gpu_on_fabric % gpus;
}

Bandwidth FabricWires::port(int gpu, Medium medium) const {
  const auto left = [gpu](const std::map<int, double>& faults) {
    const auto found = faults.find(gpu);
    return found == faults.end() ? 1.0 : found->second;
  };
  if (medium == Medium::kNvlink) {
    return nvlink_port(on_fabric(gpu)) * left(nvlink_faults_);
  }
  const Bandwidth port = network_port(on_fabric(gpu));
  if (port <= Bandwidth()) {
    return cluster_.nic.bandwidth * fabric_.node.nics_per_gpu;
  }
  return port * left(nic_faults_);
}

Bandwidth FabricWires::card(int card) const {
  const DeviceId device = fabric_.node.first_nic + static_cast<DeviceId>(card);
  const LinkId first = fabric_.first_link(device);
  const Bandwidth cable = fabric_.link(first + fabric_.ports(device) - 1).bandwidth;
  return fabric_.node.pcie_switches > 0 ? std::min(cable, fabric_.link(first).bandwidth) : cable;
}

/// Before the faults of GPUs; nothing when no card of the GPU works.
Bandwidth FabricWires::network_port(int gpu) const {
  const NodeLayout& node = fabric_.node;
  const LinkId pcie = fabric_.first_link(static_cast<DeviceId>(gpu)) + node.nvswitches;
  const bool direct = node.pcie_switches == 0;
  const int own = gpu % node.gpus / node.gpus_per_nic * node.nics_per_gpu;
  Bandwidth all;
  for (int k = 0; k < node.nics_per_gpu; ++k) {
    const Bandwidth cable = card(gpu / node.gpus * node.nics + own + k);
    all += direct ? std::min(cable, fabric_.link(pcie + k).bandwidth) : cable;
  }
  return direct ? all : std::min(all, fabric_.link(pcie).bandwidth);
}

/// Before the faults of GPUs. Traffic is spread evenly over the NVLink switches that work.
Bandwidth FabricWires::nvlink_port(int gpu) const {
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

/// The fat tree of a card whose traffic spreads evenly over all that is above it; null when the
/// network is none, or routes or failures prefer some of its links.
const Tree* FabricWires::even_tree(int card) const {
  const auto* network = std::get_if<TreeNetwork>(&fabric_.network);
  if (network == nullptr || !is_adaptive(fabric_)) {
    return nullptr;
  }
  const auto plane = static_cast<std::size_t>(card % fabric_.node.nics) % network->trees.size();
  const Tree& tree = network->trees[plane];
  return tree.has_failures ? nullptr : &tree;
}

const FabricPath& FabricWires::between(int from, int to) {
  const int from_gpu = on_fabric(from);
  const int to_gpu = on_fabric(to);
  path_.shares.clear();
  path_.ports.clear();
  path_.latency = {};
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
    const int gpu = of_cluster(gpu_on_fabric);
    const auto known = std::ranges::find_if(path_.ports, [&](const PortShare& port) {
      return port.gpu == gpu && port.medium == medium && port.side == side;
    });
    const int units = units_of(way.share);
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
  cross_card(way.from_card, PortSide::kOut, way.share);
  cross_card(way.to_card, PortSide::kIn, way.share);
  Seconds latency;
  if (const Tree* tree = even_tree(way.from_card)) {
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
    const Key key = kCard + static_cast<Key>(card_index) * 2 + (out ? 0 : 1);
    add_share(wire(key, out ? "card out" : "card in", card(card_index), 1), share);
  }
}

/// Up from the sender's subtree until the receiver is below, and down into the receiver's.
void FabricWires::cross_tree(const Tree& tree, const CardWay& way) {
  const std::int64_t from = fabric_.endpoints[static_cast<std::size_t>(way.from_card)];
  const std::int64_t to = fabric_.endpoints[static_cast<std::size_t>(way.to_card)];
  const Bandwidth cable = fabric_.spec.link_bandwidth.value_or(cluster_.nic.bandwidth);
  for (std::size_t tier = 0; tier + 1 < tree.first.size(); ++tier) {
    const std::int64_t below = tree.below[tier];
    if (from / below == to / below) {
      return;
    }
    // Of a switch's uplinks the tier above tells; all switches above these slots have as many.
    const int cables = tree.copies[tier] * tree.parents[tier + 1] * tree.cables[tier + 1];
    // Each carries as much as any other: the worst one bounds all.
    const auto capacity = [&](Key key) {
      const auto slow = worst_cable_.find(key);
      return cable * cables * (slow == worst_cable_.end() ? 1.0 : slow->second);
    };
    const Key up = bundle(tree, tier, from / below);
    const Key down = bundle(tree, tier, to / below);
    const std::string name = tier_name(static_cast<int>(tier));
    add_share(wire(up, name + " up", capacity(up), cables), way.share);
    add_share(wire(down + 1, name + " down", capacity(down), cables), way.share);
  }
}

/// The links of a route between the switches; its ends are the cards' own.
void FabricWires::cross_links(const CardWay& way, const std::vector<Crossing>& route) {
  for (const Crossing& crossing : route) {
    const DeviceKind tail = fabric_.kind(fabric_.tail(crossing.link));
    const DeviceKind head = fabric_.kind(fabric_.head(crossing.link));
    if (tail == DeviceKind::kNic || head == DeviceKind::kNic) {
      continue;
    }
    const std::string name =
        std::string(towtank::name(tail)) + " to " + std::string(towtank::name(head));
    const LinkType& link = fabric_.link(crossing.link);
    add_share(wire(static_cast<Key>(crossing.link), name, link.bandwidth, link.cables),
              crossing.share * way.share);
  }
}

/// Several ways of one flow may cross one wire.
void FabricWires::add_share(int wire, double share) {
  const auto known = std::ranges::find(path_.shares, wire, &WireShare::wire);
  if (known != path_.shares.end()) {
    known->units += units_of(share);
  } else {
    path_.shares.push_back({.wire = wire, .units = units_of(share)});
  }
}

void FabricWires::let_units_grow() {
  check(wires_.empty(), "units grow before the first way is asked for");
  units_grow_ = true;
  units_ = fabric_.node.nics_per_gpu;
}

int FabricWires::units_of(double share) {
  const auto is_whole = [&] {
    const double units = share * units_;
    return std::abs(units - std::round(units)) <= 1e-6;
  };
  if (!is_whole() && units_grow_) {
    const std::int64_t finer = std::lcm(std::int64_t{units_}, denominator(share));
    units_ = finer <= kMostUnits ? static_cast<int>(finer) : units_;
  }
  if (!is_whole()) {
    throw InputError(fabric_.spec.place,
                     fmt::format("traffic divides into parts of {:.4g}, which cannot be simulated "
                                 "exactly",
                                 share),
                     "routing = \"d-mod-k\" or \"ecmp\" keeps what one card sends together");
  }
  return static_cast<int>(std::lround(share * units_));
}

int FabricWires::wire(Key key, const std::string& name, Bandwidth capacity, int cables) {
  const auto [entry, is_new] = known_.try_emplace(key, static_cast<int>(wires_.size()));
  if (is_new) {
    wires_.push_back({.name = name, .capacity = capacity, .cables = cables});
  }
  return entry->second;
}

}  // namespace towtank
