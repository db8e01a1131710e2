#include "sim/cluster/router.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>

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

bool neighbours(const NodeLayout& node, int a, int b) {
  return a / node.gpus == b / node.gpus;
}

/// Whether a GPU takes part, so that it can pass traffic on.
bool in_use(const Fabric& fabric, int gpu) {
  return gpu < fabric.gpus() - fabric.size.idle;
}

bool failures_between_switches(const Fabric& fabric) {
  const auto* network = std::get_if<TreeNetwork>(&fabric.network);
  return network == nullptr ? fabric.has_failures
                            : std::ranges::any_of(network->trees, &Tree::has_failures);
}

/// Makes the crossings of one link, from `first` on, one; in the order in which links first appear.
void join(std::vector<Crossing>& crossings, std::size_t first) {
  std::unordered_map<LinkId, std::size_t> seen;
  std::size_t kept = first;
  for (std::size_t i = first; i < crossings.size(); ++i) {
    const auto [entry, is_new] = seen.try_emplace(crossings[i].link, kept);
    if (is_new) {
      crossings[kept++] = crossings[i];
    } else {
      crossings[entry->second].share += crossings[i].share;
    }
  }
  crossings.resize(kept);
}

std::string gpu_text(const Fabric& fabric, int gpu) {
  return fmt::format("GPU {} ({})", gpu, device_name(fabric, static_cast<DeviceId>(gpu)));
}

}  // namespace

Router::Router(const Fabric& fabric) : Router(fabric, fabric.spec.routing) {}
Router::Router(const Fabric& fabric, RoutingRule rule)
    : fabric_(&fabric),
      rule_(rule),
      network_fails_(failures_between_switches(fabric)),
      paths_(switch_paths(fabric)) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

bool Router::alive(LinkId link) const {
  return !fabric_->has_failures || fabric_->link(link).bandwidth > Bandwidth();
}

LinkId Router::uplink(int card) const {
  const DeviceId device = fabric_->node.first_nic + static_cast<DeviceId>(card);
  return fabric_->first_link(device) + fabric_->ports(device) - 1;
}

Destination Router::destination(int card) const {
  const auto index = static_cast<std::size_t>(card);
  return {.leaf = fabric_->head(uplink(card)),
          .downlink = fabric_->downlinks[index],
          .endpoint = fabric_->endpoints[index],
          .tree = card % fabric_->node.nics % fabric_->spec.planes};
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
    const std::vector<CardWay> ways = card_ways(from_gpu, to_gpu);
    found = !ways.empty();
    for (const CardWay& way : ways) {
      follow(from_gpu, way, to_gpu, crossings);
    }
    if (ways.size() > 1) {
      join(crossings, before);
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

/// By the `k`th card of the sender, in a sound fabric.
CardWay Router::kth_way(int from, int to, int k) const {
  const NodeLayout& node = fabric_->node;
  const int a = nic_of_gpu(node, from % node.gpus, k);
  const int b = nic_of_gpu(node, to % node.gpus, k);
  const int out = from / node.gpus * node.nics;
  const int in = to / node.gpus * node.nics;
  if (joined(fabric_->spec, a, b)) {
    return {.from_gpu = from, .from_card = out + a, .to_gpu = to, .to_card = in + b};
  }
  const int first_relay = from / node.gpus * node.gpus + to % node.gpus;
  const int last_relay = to / node.gpus * node.gpus + from % node.gpus;
  const bool first = fabric_->spec.cross_rail == CrossRail::kNvlinkFirst;
  // Only the last node has GPUs that are not in use: the other end's node has them all.
  if (in_use(*fabric_, first ? first_relay : last_relay) == first) {
    return {.from_gpu = first_relay, .from_card = out + b, .to_gpu = to, .to_card = in + b};
  }
  return {.from_gpu = from, .from_card = out + a, .to_gpu = last_relay, .to_card = in + a};
}

std::vector<CardWay> Router::card_ways(int from_gpu, int to_gpu) const {
  std::vector<CardWay> ways;
  const int cards = fabric_->node.nics_per_gpu;
  ways.reserve(static_cast<std::size_t>(cards));
  for (int k = 0; k < cards; ++k) {
    ways.push_back(kth_way(from_gpu, to_gpu, k));
  }
  if (fabric_->has_failures) {
    keep_sound(from_gpu, to_gpu, ways);
    if (ways.empty()) {
      return detours(from_gpu, to_gpu);
    }
  }
  for (CardWay& way : ways) {
    way.share = 1.0 / static_cast<double>(ways.size());
  }
  return ways;
}

/// By other GPUs' cards: those at the receiver's node if the sender's own card is sound, else those
/// at both.
std::vector<CardWay> Router::detours(int from, int to) const {
  const NodeLayout& node = fabric_->node;
  if (neighbours(node, from, to)) {
    std::vector<CardWay> ways = {{.from_gpu = from, .to_gpu = from}};
    keep_sound(from, to, ways);
    return ways;
  }
  std::vector<CardWay> ways = detours_from(from, from, to);
  const int first = from / node.gpus * node.gpus;
  double senders = ways.empty() ? 0.0 : 1.0;
  for (int sender = first; senders == 0.0 && sender < first + node.gpus && in_use(*fabric_, sender);
       ++sender) {
    const std::vector<CardWay> more = detours_from(sender, from, to);
    ways.insert(ways.end(), more.begin(), more.end());
  }
  if (senders == 0.0) {
    std::set<int> used;
    for (const CardWay& way : ways) {
      used.insert(way.from_gpu);
    }
    senders = static_cast<double>(used.size());
  }
  for (CardWay& way : ways) {
    way.share /= senders;
  }
  return ways;
}

/// By the cards of one GPU of the sender's node: to the receiver's own where one can be reached,
/// else evenly to those of its node.
std::vector<CardWay> Router::detours_from(int sender, int from, int to) const {
  const NodeLayout& node = fabric_->node;
  const auto from_sender_to = [&](int receiver) {
    std::vector<CardWay> ways;
    for (int k = 0; k < node.nics_per_gpu; ++k) {
      const int a = nic_of_gpu(node, sender % node.gpus, k);
      const int b = nic_of_gpu(node, receiver % node.gpus, k);
      if (joined(fabric_->spec, a, b)) {
        ways.push_back({.from_gpu = sender,
                        .from_card = sender / node.gpus * node.nics + a,
                        .to_gpu = receiver,
                        .to_card = receiver / node.gpus * node.nics + b});
      }
    }
    keep_sound(from, to, ways);
    return ways;
  };
  std::vector<CardWay> ways = from_sender_to(to);
  const int first = to / node.gpus * node.gpus;
  const bool direct = !ways.empty();
  for (int receiver = first; !direct && receiver < first + node.gpus && in_use(*fabric_, receiver);
       ++receiver) {
    const std::vector<CardWay> more = from_sender_to(receiver);
    ways.insert(ways.end(), more.begin(), more.end());
  }
  for (CardWay& way : ways) {
    way.share = 1.0 / static_cast<double>(ways.size());
  }
  return ways;
}

/// Leaves out the ways that have failed somewhere.
void Router::keep_sound(int from, int to, std::vector<CardWay>& ways) const {
  std::vector<Crossing> walked;
  std::erase_if(ways, [&](const CardWay& way) {
    walked.clear();
    if (!nvlink(from, way.from_gpu, 1.0, walked) || !nvlink(way.to_gpu, to, 1.0, walked)) {
      return true;
    }
    if (way.from_gpu == way.to_gpu) {
      return false;
    }
    return !card_is_sound(way.from_gpu, way.from_card) || !card_is_sound(way.to_gpu, way.to_card) ||
           (network_fails_ && way.from_card != way.to_card &&
            !walk(way.from_card, way.to_card, 1.0, walked));
  });
}

/// From the GPU through its PCIe to the switch of its card, and back.
bool Router::card_is_sound(int gpu, int card) const {
  const Stages way = stages(*fabric_, gpu, card % fabric_->node.nics);
  for (std::size_t i = 0; i < way.count; ++i) {
    if (!alive(way.stage[i].out) || !alive(way.stage[i].in)) {
      return false;
    }
  }
  const LinkId downlink = fabric_->downlinks[static_cast<std::size_t>(card)];
  return downlink >= 0 && alive(downlink) && alive(uplink(card));
}

/// Appends the crossings of a sound way.
void Router::follow(int from, const CardWay& way, int to, std::vector<Crossing>& crossings) const {
  nvlink(from, way.from_gpu, way.share, crossings);
  if (way.from_gpu != way.to_gpu) {
    const Stages out = stages(*fabric_, way.from_gpu, way.from_card % fabric_->node.nics);
    const Stages in = stages(*fabric_, way.to_gpu, way.to_card % fabric_->node.nics);
    for (std::size_t i = 0; i < out.count; ++i) {
      crossings.push_back({out.stage[i].out, way.share});
    }
    if (way.from_card != way.to_card) {
      const bool found = walk(way.from_card, way.to_card, way.share, crossings);
      check(found, "a sound way leads to the other card");
    }
    for (std::size_t i = in.count; i-- > 0;) {
      crossings.push_back({in.stage[i].in, way.share});
    }
  }
  nvlink(way.to_gpu, to, way.share, crossings);
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
  const LinkId out = uplink(from_card);
  if (fabric_->downlinks[from] < 0 || fabric_->downlinks[to] < 0 || !alive(out) ||
      !alive(fabric_->downlinks[to])) {
    return false;
  }
  const DeviceId goal = fabric_->node.first_nic + static_cast<DeviceId>(to_card);
  const Destination to_there = destination(to_card);
  crossings.push_back({out, share});
  Front front = {{fabric_->head(out), share}};
  Front next;
  NextHops hops;
  for (int hop = 0; !(front.size() == 1 && front.front().first == goal); ++hop) {
    next.clear();
    for (const auto& [at, part] : front) {
      paths_->next_hops(at, to_there, hops);
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
