#include "sim/cluster/router.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/cluster/generators/node_inside.hpp"
#include "sim/cluster/switch_paths.hpp"

namespace towtank {
namespace {

/// SplitMix64 (Steele, Lea and Flood, 2014): one step from this state.
std::uint64_t mixed(std::uint64_t state) {
  state += 0x9e3779b97f4a7c15U;
  state = (state ^ (state >> 30U)) * 0xbf58476d1ce4e5b9U;
  state = (state ^ (state >> 27U)) * 0x94d049bb133111ebU;
  return state ^ (state >> 31U);
}

/// Ports of a PCIe switch: its GPUs come first.
int gpus_at(const NodeLayout& node, int pcie) {
  return std::min(node.gpus_per_pcie, node.gpus - pcie * node.gpus_per_pcie);
}

/// A link from a GPU towards one of its cards, and the one back.
struct Stage {
  LinkId out = 0;
  LinkId in = 0;
};

/// From the GPU outwards: one stage, or two with a PCIe switch between.
struct Stages {
  std::array<Stage, 2> stage = {};
  std::size_t count = 0;
};

Stages stages(const Fabric& fabric, int gpu, int nic) {
  const NodeLayout& node = fabric.node;
  const int home = gpu / node.gpus;
  const int local = gpu % node.gpus;
  const DeviceId card = nic_device(node, home, nic);
  const LinkId from_gpu = fabric.first_link(gpu_device(node, home, local)) + node.nvswitches;
  if (node.pcie_switches == 0) {
    const int k = nic - nic_of_gpu(node, local, 0);
    const LinkId back = fabric.first_link(card) + local - gpu_of_nic(node, nic);
    return {.stage = {Stage{.out = from_gpu + k, .in = back}}, .count = 1};
  }
  const int pcie = local / node.gpus_per_pcie;
  const LinkId from_pcie = fabric.first_link(pcie_device(node, home, pcie));
  const int first_gpu = pcie * node.gpus_per_pcie;
  const int port = gpus_at(node, pcie) + nic - nic_of_gpu(node, first_gpu, 0);
  return {.stage = {Stage{.out = from_gpu, .in = from_pcie + local - first_gpu},
                    Stage{.out = from_pcie + port, .in = fabric.first_link(card)}},
          .count = 2};
}

/// Traffic on its way, spread over several switches of the same distance to the destination.
using Front = std::vector<std::pair<DeviceId, double>>;

/// Joins the shares that meet at one switch.
void merge(Front& front) {
  if (front.size() == 1) {
    return;
  }
  std::ranges::sort(front);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < front.size(); ++i) {
    if (front[i].first == front[kept].first) {
      front[kept].second += front[i].second;
    } else {
      front[++kept] = front[i];
    }
  }
  front.resize(std::min(front.size(), kept + 1));
}

/// Whether the network joins two cards of these indices without help from NVLink.
bool joined(const FabricSpec& spec, int a, int b) {
  if (spec.kind == FabricKind::kMultiPlane) {
    return a % spec.planes == b % spec.planes;
  }
  return spec.kind != FabricKind::kRailOptimised || spec.cross_rail == CrossRail::kSpine || a == b;
}

std::string gpu_text(const Fabric& fabric, int gpu) {
  return fmt::format("GPU {} ({})", gpu, device_name(fabric, static_cast<DeviceId>(gpu)));
}

}  // namespace

/// From a GPU out by a card, and in by another to a GPU; cards count within their nodes.
struct Router::Way {
  int from = 0;
  int from_nic = 0;
  int to = 0;
  int to_nic = 0;
};

Router::Router(const Fabric& fabric) : Router(fabric, fabric.spec.routing) {}
Router::Router(const Fabric& fabric, RoutingRule rule)
    : fabric_(&fabric), rule_(rule), paths_(switch_paths(fabric)) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

bool Router::alive(LinkId link) const {
  return !fabric_->has_failures || fabric_->link(link).bandwidth > Bandwidth();
}

void Router::route(int from_gpu,
                   int to_gpu,
                   Medium medium,
                   std::vector<Crossing>& crossings) const {
  check(from_gpu >= 0 && to_gpu >= 0 && std::max(from_gpu, to_gpu) < fabric_->gpus(),
        "routes join GPUs of the cluster");
  if (from_gpu == to_gpu) {
    return;
  }
  const std::size_t before = crossings.size();
  bool found = false;
  if (medium == Medium::kNvlink) {
    check(from_gpu / fabric_->node.gpus == to_gpu / fabric_->node.gpus,
          "NVLink joins GPUs of one node");
    found = nvlink(from_gpu, to_gpu, 1.0, crossings);
  } else {
    int usable = 0;
    for (int k = 0; k < fabric_->node.nics_per_gpu; ++k) {
      usable += over_cards(from_gpu, to_gpu, k, 1.0, crossings) ? 1 : 0;
    }
    found = usable > 0;
    for (std::size_t i = before; usable > 1 && i < crossings.size(); ++i) {
      crossings[i].share /= usable;
    }
  }
  if (!found) {
    throw InputError(
        fabric_->spec.faults.empty() ? fabric_->spec.place : fabric_->spec.faults.front().place,
        fmt::format("no way over {} from {} to {} is left",
                    medium == Medium::kNvlink ? "NVLink" : "the network",
                    gpu_text(*fabric_, from_gpu),
                    gpu_text(*fabric_, to_gpu)),
        fabric_->spec.faults.empty() ? "the network does not join all cards"
                                     : "remove a fault, or the node from the cluster");
  }
}

void Router::cross_network(int from_card,
                           int to_card,
                           double share,
                           std::vector<Crossing>& crossings) const {
  const std::size_t before = crossings.size();
  if (!walk(from_card, to_card, share, crossings)) {
    crossings.resize(before);
    const DeviceId first = fabric_->node.first_nic;
    throw InputError(fabric_->spec.place,
                     fmt::format("no way from {} to {} is left",
                                 device_name(*fabric_, first + static_cast<DeviceId>(from_card)),
                                 device_name(*fabric_, first + static_cast<DeviceId>(to_card))));
  }
}

bool Router::nvlink(int from, int to, double share, std::vector<Crossing>& crossings) const {
  if (from == to) {
    return true;
  }
  const NodeLayout& node = fabric_->node;
  const LinkId up = fabric_->first_link(static_cast<DeviceId>(from));
  const std::size_t before = crossings.size();
  for (int nvswitch = 0; nvswitch < node.nvswitches; ++nvswitch) {
    const DeviceId device = nvswitch_device(node, from / node.gpus, nvswitch);
    const LinkId down = fabric_->first_link(device) + to % node.gpus;
    if (alive(up + nvswitch) && alive(down)) {
      crossings.push_back({up + nvswitch, 1.0});
      crossings.push_back({down, 1.0});
    }
  }
  const auto ways = static_cast<double>(crossings.size() - before) / 2.0;
  for (std::size_t i = before; i < crossings.size(); ++i) {
    crossings[i].share = share / ways;
  }
  return ways > 0.0;
}

/// By the `k`th card of the sender.
bool Router::over_cards(
    int from, int to, int k, double share, std::vector<Crossing>& crossings) const {
  const NodeLayout& node = fabric_->node;
  const int a = nic_of_gpu(node, from % node.gpus, k);
  const int b = nic_of_gpu(node, to % node.gpus, k);
  const std::size_t before = crossings.size();
  bool found = false;
  if (joined(fabric_->spec, a, b)) {
    found = card_to_card({.from = from, .from_nic = a, .to = to, .to_nic = b}, share, crossings);
  } else if (fabric_->spec.cross_rail == CrossRail::kNvlinkFirst) {
    const int relay = from / node.gpus * node.gpus + to % node.gpus;
    found = nvlink(from, relay, share, crossings) &&
            card_to_card({.from = relay, .from_nic = b, .to = to, .to_nic = b}, share, crossings);
  } else {
    const int relay = to / node.gpus * node.gpus + from % node.gpus;
    found =
        card_to_card({.from = from, .from_nic = a, .to = relay, .to_nic = a}, share, crossings) &&
        nvlink(relay, to, share, crossings);
  }
  if (!found) {
    crossings.resize(before);
  }
  return found;
}

bool Router::card_to_card(const Way& way, double share, std::vector<Crossing>& crossings) const {
  if (way.from == way.to) {
    return true;
  }
  const NodeLayout& node = fabric_->node;
  const Stages out = stages(*fabric_, way.from, way.from_nic);
  const Stages in = stages(*fabric_, way.to, way.to_nic);
  for (std::size_t i = 0; i < out.count; ++i) {
    if (!alive(out.stage[i].out)) {
      return false;
    }
    crossings.push_back({out.stage[i].out, share});
  }
  const int from_card = way.from / node.gpus * node.nics + way.from_nic;
  const int to_card = way.to / node.gpus * node.nics + way.to_nic;
  if (from_card != to_card && !walk(from_card, to_card, share, crossings)) {
    return false;
  }
  for (std::size_t i = in.count; i-- > 0;) {
    if (!alive(in.stage[i].in)) {
      return false;
    }
    crossings.push_back({in.stage[i].in, share});
  }
  return true;
}

int Router::choose(const NextHops& hops, int from, int to, int hop) const {
  switch (rule_) {
    case RoutingRule::kShortest:
    case RoutingRule::kAdaptive:  // takes all
      return 0;
    case RoutingRule::kDModK:
      return hops.preferred % hops.size();
    case RoutingRule::kEcmp: {
      std::uint64_t hash = mixed(fabric_->spec.seed);
      hash = mixed(hash ^ static_cast<std::uint64_t>(from));
      hash = mixed(hash ^ static_cast<std::uint64_t>(to));
      hash = mixed(hash ^ static_cast<std::uint64_t>(hop));
      return static_cast<int>(hash % static_cast<std::uint64_t>(hops.size()));
    }
  }
  return 0;
}

bool Router::walk(int from_card,
                  int to_card,
                  double share,
                  std::vector<Crossing>& crossings) const {
  const auto from = static_cast<std::size_t>(from_card);
  const auto to = static_cast<std::size_t>(to_card);
  const DeviceId card = fabric_->node.first_nic + static_cast<DeviceId>(from_card);
  const LinkId uplink = fabric_->first_link(card) + fabric_->ports(card) - 1;
  if (fabric_->downlinks[from] < 0 || fabric_->downlinks[to] < 0 || !alive(uplink)) {
    return false;
  }
  const DeviceId goal = fabric_->node.first_nic + static_cast<DeviceId>(to_card);
  const LinkId goal_uplink = fabric_->first_link(goal) + fabric_->ports(goal) - 1;
  const Destination destination{.leaf = fabric_->head(goal_uplink),
                                .downlink = fabric_->downlinks[to],
                                .endpoint = fabric_->endpoints[to],
                                .tree = to_card % fabric_->node.nics % fabric_->spec.planes};
  crossings.push_back({uplink, share});
  Front front = {{fabric_->head(uplink), share}};
  Front next;
  NextHops hops;
  for (int hop = 0; !(front.size() == 1 && front.front().first == goal); ++hop) {
    next.clear();
    for (const auto& [at, part] : front) {
      paths_->next_hops(at, destination, hops);
      if (hops.size() == 0) {
        return false;
      }
      const bool all = rule_ == RoutingRule::kAdaptive;
      const int first = all ? 0 : choose(hops, from_card, to_card, hop);
      const int last = all ? hops.size() : first + 1;
      const double each = part / (last - first);
      for (int i = first; i < last; ++i) {
        crossings.push_back({hops[i], each});
        next.emplace_back(fabric_->head(hops[i]), each);
      }
    }
    merge(next);
    std::swap(front, next);
  }
  return true;
}

Seconds route_latency(const Fabric& fabric, std::span<const Crossing> crossings) {
  Seconds latency;
  for (const Crossing& crossing : crossings) {
    const bool into_switch = fabric.kind(fabric.head(crossing.link)) >= DeviceKind::kLeaf;
    latency += crossing.share * (fabric.link(crossing.link).latency +
                                 (into_switch ? fabric.spec.switch_latency : Seconds()));
  }
  return latency;
}

}  // namespace towtank
