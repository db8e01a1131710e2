#include "sim/graph/fabric_wires.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// 2^5 3^2 5 7 11: every division into up to 12 equal parts, and into 32, is a whole number of it.
constexpr int kUnitsOfSpreadTraffic = 110880;

FabricSize size_of(const Cluster& cluster) {
  return {.nodes = cluster.nodes,
          .gpus_per_node = cluster.gpus_per_node,
          .nvlink = {.bandwidth = cluster.nvlink.bandwidth, .latency = cluster.nvlink.latency},
          .nic = {.bandwidth = cluster.nic.bandwidth, .latency = cluster.nic.latency}};
}

bool is_adaptive(const Fabric& fabric) {
  return fabric.spec.routing == RoutingRule::kAdaptive;
}

std::string tier_name(int tier) {
  constexpr std::array kNames = {"leaf", "spine", "core"};
  return kNames[static_cast<std::size_t>(std::min(tier, 2))];
}

}  // namespace

FabricWires::FabricWires(const Cluster& cluster)
    : cluster_(cluster), fabric_(make_fabric(*cluster.fabric, size_of(cluster))), router_(fabric_) {
  if (cluster.fabric->nics_per_gpu != 1 || cluster.fabric->gpus_per_nic != 1) {
    throw InputError(cluster.fabric->place,
                     "steps are simulated with one network card for each GPU",
                     "leave nics_per_gpu and gpus_per_nic out; `towtank topology` knows them");
  }
  check_faults();
  card_limit_ = find_card_limit();
  if (is_adaptive(fabric_) && even_tree(0) == nullptr) {
    units_ = kUnitsOfSpreadTraffic;
  }
}

/// Links between switches may fail; what a leaf's cards lose is the GPUs' own fault.
void FabricWires::check_faults() const {
  for (const Fault& fault : fabric_.spec.faults) {
    for (const std::string& device : fault.devices) {
      const DeviceKind kind = fabric_.kind(find_device(fabric_, device, fault.place));
      const bool has_cards = kind == DeviceKind::kLeaf && fault.devices.size() == 1;
      if (has_cards ||
          (kind != DeviceKind::kLeaf && kind != DeviceKind::kSpine && kind != DeviceKind::kCore)) {
        throw InputError(fault.place,
                         fmt::format("steps are simulated with faults between switches, and {} "
                                     "reaches the cards of GPUs",
                                     device),
                         "a GPU's own fault is [[cluster.fault]] with gpu = 17 and nic = 0.5; a "
                         "cable's is devices = [\"leaf0\", \"spine1\"]");
      }
    }
  }
}

Bandwidth FabricWires::find_card_limit() const {
  Bandwidth limit = cluster_.nic.bandwidth;
  if (cluster_.nodes < 2) {
    return limit;
  }
  std::vector<Crossing> route;
  router_.route(0, cluster_.gpus_per_node, Medium::kNic, route);
  for (const Crossing& crossing : route) {
    const DeviceKind tail = fabric_.kind(fabric_.tail(crossing.link));
    const DeviceKind head = fabric_.kind(fabric_.head(crossing.link));
    if (tail < DeviceKind::kNic || head < DeviceKind::kNic) {
      limit = std::min(limit, fabric_.link(crossing.link).bandwidth / crossing.share);
    }
  }
  return limit;
}

int FabricWires::card(int gpu) const {
  return gpu / cluster_.gpus_per_node * fabric_.node.nics + gpu % cluster_.gpus_per_node;
}

/// The fat tree of a card whose traffic spreads evenly over all that is above it; null when the
/// network is none, or routes or failures prefer some of its links.
const Tree* FabricWires::even_tree(int card) const {
  const auto* network = std::get_if<TreeNetwork>(&fabric_.network);
  if (network == nullptr || !is_adaptive(fabric_) || fabric_.has_failures ||
      !fabric_.spec.faults.empty()) {
    return nullptr;
  }
  const auto plane = static_cast<std::size_t>(card % fabric_.node.nics) % network->trees.size();
  return &network->trees[plane];
}

const FabricPath& FabricWires::between(int from_gpu, int to_gpu) {
  check_way(from_gpu, to_gpu);
  path_.shares.clear();
  const int from = card(from_gpu);
  const int to = card(to_gpu);
  if (const Tree* tree = even_tree(from)) {
    cross_tree(*tree,
               fabric_.endpoints[static_cast<std::size_t>(from)],
               fabric_.endpoints[static_cast<std::size_t>(to)]);
    path_.latency = latency_of_climb(path_.shares.size(), from, to);
  } else {
    cross_links(from, to);
  }
  std::ranges::sort(path_.shares);
  return path_;
}

/// All ways that climb equally many tiers are equally long.
Seconds FabricWires::latency_of_climb(std::size_t crossed, int from_card, int to_card) {
  const auto [entry, is_new] = latency_of_climb_.try_emplace(crossed);
  if (is_new) {
    std::vector<Crossing> route;
    router_.cross_network(from_card, to_card, 1.0, route);
    entry->second = route_latency(fabric_, route);
  }
  return entry->second;
}

/// Up from the sender's subtree until the receiver is below, and down into the receiver's.
void FabricWires::cross_tree(const Tree& tree, std::int64_t from, std::int64_t to) {
  const Bandwidth cable = fabric_.spec.link_bandwidth.value_or(cluster_.nic.bandwidth);
  for (std::size_t tier = 0; tier + 1 < tree.first.size(); ++tier) {
    const std::int64_t below = tree.below[tier];
    if (from / below == to / below) {
      return;
    }
    // Of a switch's uplinks the tier above tells; all switches above these slots have as many.
    const double cables =
        static_cast<double>(tree.copies[tier]) * tree.parents[tier + 1] * tree.cables[tier + 1];
    const auto key = [&](std::int64_t subtree, Key direction) {
      const Key place = static_cast<Key>(subtree) * 16 + tier;
      return (place * 64 + static_cast<Key>(tree.plane + 1)) * 2 + direction;
    };
    const std::string name = tier_name(static_cast<int>(tier));
    path_.shares.push_back({wire(key(from / below, 0), name + " up", cable * cables), units_});
    path_.shares.push_back({wire(key(to / below, 1), name + " down", cable * cables), units_});
  }
}

/// The links of a route between the switches; its ends are the cards' own.
void FabricWires::cross_links(int from_card, int to_card) {
  std::vector<Crossing> route;
  router_.cross_network(from_card, to_card, 1.0, route);
  path_.latency = route_latency(fabric_, route);
  for (const Crossing& crossing : route) {
    const DeviceKind tail = fabric_.kind(fabric_.tail(crossing.link));
    const DeviceKind head = fabric_.kind(fabric_.head(crossing.link));
    if (tail == DeviceKind::kNic || head == DeviceKind::kNic) {
      continue;
    }
    const double units = crossing.share * units_;
    if (std::abs(units - std::round(units)) > 1e-6) {
      throw InputError(fabric_.spec.place,
                       fmt::format("adaptive routing divides traffic into parts of {:.4g}, which "
                                   "cannot be simulated exactly",
                                   crossing.share),
                       "routing = \"d-mod-k\" or \"ecmp\" keeps a flow together");
    }
    const std::string name =
        std::string(towtank::name(tail)) + " to " + std::string(towtank::name(head));
    path_.shares.push_back(
        {wire(static_cast<Key>(crossing.link), name, fabric_.link(crossing.link).bandwidth),
         static_cast<int>(std::lround(units))});
  }
}

int FabricWires::wire(Key key, const std::string& name, Bandwidth capacity) {
  const auto [entry, is_new] = known_.try_emplace(key, static_cast<int>(wires_.size()));
  if (is_new) {
    wires_.push_back({.name = name, .capacity = capacity});
  }
  return entry->second;
}

void FabricWires::check_way(int from_gpu, int to_gpu) const {
  const int from = from_gpu % cluster_.gpus_per_node;
  const int to = to_gpu % cluster_.gpus_per_node;
  const FabricSpec& spec = fabric_.spec;
  const bool other_plane =
      spec.kind == FabricKind::kMultiPlane && from % spec.planes != to % spec.planes;
  const bool other_rail =
      spec.kind == FabricKind::kRailOptimised && from != to && spec.cross_rail != CrossRail::kSpine;
  if (other_plane || other_rail) {
    throw InputError(
        spec.place,
        fmt::format("the plan sends from GPU {} to GPU {}, which are not on one {}",
                    from_gpu,
                    to_gpu,
                    other_plane ? "plane" : "rail"),
        fmt::format("make plan.data a multiple of the {} GPUs of a node, so that pipeline ranks "
                    "meet at equal places",
                    cluster_.gpus_per_node));
  }
}

}  // namespace towtank
