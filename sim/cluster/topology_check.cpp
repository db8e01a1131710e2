#include "sim/cluster/topology_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/cluster/router.hpp"

namespace towtank {
namespace {

std::string count_text(std::int64_t count) {
  return format_count(static_cast<double>(count));
}

TopologyClaim check_ports(const Fabric& fabric, const TopologySummary& summary) {
  int most = 0;
  for (const DeviceCount& devices : summary.devices) {
    most = is_network_switch(devices.kind) ? std::max(most, devices.most_ports) : most;
  }
  if (fabric.spec.kind == FabricKind::kNonblocking) {
    return {.text = "one ideal switch has a port for every card"};
  }
  return {.holds = most <= fabric.spec.radix,
          .text = fmt::format("the fullest switch uses {} of {} ports", most, fabric.spec.radix)};
}

/// Devices reached from one over sound links, among those the filter lets through.
template <typename Passes>
std::vector<bool> reached(const Fabric& fabric, DeviceId start, Passes passes) {
  std::vector<bool> seen(fabric.devices(), false);
  std::vector<DeviceId> queue = {start};
  seen[start] = true;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const LinkId first = fabric.first_link(queue[i]);
    const int ports = fabric.ports(queue[i]);
    for (LinkId link = first; link < first + ports; ++link) {
      const DeviceId next = fabric.head(link);
      if (!seen[next] && passes(next) && fabric.link(link).bandwidth > Bandwidth()) {
        seen[next] = true;
        queue.push_back(next);
      }
    }
  }
  return seen;
}

TopologyClaim check_gpus_reach(const Fabric& fabric) {
  const std::vector<bool> seen = reached(fabric, 0, [](DeviceId) { return true; });
  const auto lost = std::find(seen.begin(), seen.begin() + fabric.gpus(), false);
  if (lost != seen.begin() + fabric.gpus()) {
    return {.holds = false,
            .text = fmt::format("no way from node0.gpu0 to {}",
                                device_name(fabric, static_cast<DeviceId>(lost - seen.begin())))};
  }
  return {.text = fmt::format("all {} GPUs reach each other", count_text(fabric.gpus()))};
}

TopologyClaim check_cards_reach(const Fabric& fabric) {
  const int planes = fabric.spec.planes;
  const auto cards = static_cast<DeviceId>(fabric.endpoints.size());
  for (int plane = 0; plane < planes; ++plane) {
    const DeviceId start = fabric.node.first_nic + static_cast<DeviceId>(plane);
    const std::vector<bool> seen =
        reached(fabric, start, [&fabric](DeviceId next) { return next >= fabric.node.first_nic; });
    for (auto card = static_cast<DeviceId>(plane); card < cards;
         card += static_cast<DeviceId>(planes)) {
      if (!seen[fabric.node.first_nic + card]) {
        return {.holds = false,
                .text = fmt::format("no way through the network from {} to {}",
                                    device_name(fabric, start),
                                    device_name(fabric, fabric.node.first_nic + card))};
      }
    }
  }
  return {.text = fmt::format("all {} cards reach each other through the network{}",
                              count_text(cards),
                              planes > 1 ? " of their plane" : "")};
}

TopologyClaim check_oversubscription(const Oversubscription& tier) {
  return {.holds = tier.worst <= tier.stated.value_or(tier.worst) * (1.0 + 1e-9),
          .text = fmt::format("{} switches: {:.2f} down for each up, {:.2f} stated",
                              name(tier.tier),
                              tier.worst,
                              tier.stated.value_or(tier.worst))};
}

// ---- Loads ----

constexpr double kMostCrossings = 3e7;  // of one pattern and rule: a fraction of a second
constexpr int kFewestShifts = 4;        // that say anything about all to all
constexpr double kMostSearch = 2e9;     // links looked at for distances in irregular networks

/// Where every card sends. A shift of all cards, or of nodes with the card's index kept.
struct Pattern {
  std::string name;
  bool all_to_all = false;
  std::vector<int> node_to = {};  // by node; unless all to all
};

std::vector<int> shifted(int nodes, int by) {
  std::vector<int> to;
  to.reserve(static_cast<std::size_t>(nodes));
  for (int node = 0; node < nodes; ++node) {
    to.push_back((node + by) % nodes);
  }
  return to;
}

/// A permutation that sends no node to itself: one random cycle (Sattolo, 1986).
std::vector<int> random_cycle(int nodes, std::uint64_t seed) {
  std::vector<int> to = shifted(nodes, 0);
  std::uint64_t state = seed;
  for (int i = nodes - 1; i > 0; --i) {
    state = state * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
    const auto other = static_cast<int>((state >> 33U) % static_cast<std::uint64_t>(i));
    std::swap(to[static_cast<std::size_t>(i)], to[static_cast<std::size_t>(other)]);
  }
  return to;
}

std::vector<Pattern> patterns(const Fabric& fabric) {
  const int nodes = fabric.node.nodes;
  if (nodes < 2) {
    return {};
  }
  return {
      {.name = "all to all", .all_to_all = true},
      {.name = "each node to the next", .node_to = shifted(nodes, 1)},
      {.name = "each node to the one half the cluster away", .node_to = shifted(nodes, nodes / 2)},
      {.name = "nodes to nodes at random", .node_to = random_cycle(nodes, fabric.spec.seed)}};
}

/// Networks of fat trees without faults under adaptive routing: what leaves or enters a subtree
/// spreads evenly over all links above it, so counting it by subtree is enough.
class SpreadLoad {
 public:
  explicit SpreadLoad(const Fabric& fabric)
      : fabric_(fabric), trees_(std::get<TreeNetwork>(fabric.network).trees) {
    for (const Tree& tree : trees_) {
      for (int tier = 0; tier + 1 < tree.tiers(); ++tier) {
        const std::int64_t below = tree.below[static_cast<std::size_t>(tier)];
        const auto subtrees = static_cast<std::size_t>((tree.slots + below - 1) / below);
        out_.emplace_back(subtrees, 0.0);
        in_.emplace_back(subtrees, 0.0);
      }
    }
  }

  static bool applies(const Fabric& fabric, RoutingRule rule) {
    return rule == RoutingRule::kAdaptive && fabric.spec.faults.empty() &&
           std::holds_alternative<TreeNetwork>(fabric.network);
  }

  void send(int from, int to, double share) {
    const auto plane = static_cast<std::size_t>(from % fabric_.node.nics % fabric_.spec.planes);
    const Tree& tree = trees_[plane];
    const auto a = fabric_.endpoints[static_cast<std::size_t>(from)];
    const auto b = fabric_.endpoints[static_cast<std::size_t>(to)];
    for (int tier = 0; tier + 1 < tree.tiers(); ++tier) {
      const std::int64_t below = tree.below[static_cast<std::size_t>(tier)];
      if (a / below == b / below) {
        return;
      }
      const std::size_t row = row_of(plane, tier);
      out_[row][static_cast<std::size_t>(a / below)] += share;
      in_[row][static_cast<std::size_t>(b / below)] += share;
    }
  }

  /// Adds to `load` what each link between switches carries.
  void add_to(std::vector<double>& load) const {
    for (std::size_t plane = 0; plane < trees_.size(); ++plane) {
      const Tree& tree = trees_[plane];
      for (std::size_t tier = 0; tier + 1 < tree.first.size(); ++tier) {
        add_tier(tree, tier, row_of(plane, static_cast<int>(tier)), load);
      }
    }
  }

 private:
  std::size_t row_of(std::size_t plane, int tier) const {
    return plane * static_cast<std::size_t>(trees_.front().tiers() - 1) +
           static_cast<std::size_t>(tier);
  }

  void add_tier(const Tree& tree,
                std::size_t tier,
                std::size_t row,
                std::vector<double>& load) const {
    const DeviceId first = tree.first[tier + 1];
    const std::int64_t above = tree.below[tier + 1];
    const std::int64_t switches = (tree.slots + above - 1) / above * tree.copies[tier + 1];
    const double spread =
        static_cast<double>(tree.copies[tier]) * tree.parents[tier + 1] * tree.cables[tier + 1];
    // Seen from above: ports down, several cables to each child.
    for (std::int64_t index = 0; index < switches; ++index) {
      const DeviceId device = first + static_cast<DeviceId>(index);
      const LinkId begin = fabric_.first_link(device);
      for (int port = 0; port < fabric_.ports(device); ++port) {
        const DeviceId child = fabric_.head(begin + port);
        if (child < tree.first[tier] || child >= tree.first[tier + 1]) {
          break;  // the ports up
        }
        const auto subtree =
            static_cast<std::size_t>((child - tree.first[tier]) / tree.copies[tier]);
        const LinkId link = begin + port;
        load[static_cast<std::size_t>(link)] += in_[row][subtree] / spread;
      }
    }
    const std::int64_t children = static_cast<std::int64_t>(out_[row].size()) * tree.copies[tier];
    const int up = tree.parents[tier + 1] * tree.cables[tier + 1];
    for (std::int64_t index = 0; index < children; ++index) {
      const DeviceId device = tree.first[tier] + static_cast<DeviceId>(index);
      const LinkId begin = fabric_.first_link(device) + fabric_.ports(device) - up;
      for (int port = 0; port < up; ++port) {
        const LinkId link = begin + port;
        load[static_cast<std::size_t>(link)] +=
            out_[row][static_cast<std::size_t>(index / tree.copies[tier])] / spread;
      }
    }
  }

  const Fabric& fabric_;
  const std::vector<Tree>& trees_;
  std::vector<std::vector<double>> out_;  // by plane and tier, then by subtree
  std::vector<std::vector<double>> in_;
};

/// Traffic in which a card sends to a node (its card of the same index) or to a card.
class Loader {
 public:
  Loader(const Fabric& fabric, RoutingRule rule)
      : fabric_(fabric),
        rule_(rule),
        router_(fabric, rule),
        load_(static_cast<std::size_t>(fabric.links()), 0.0) {
    if (SpreadLoad::applies(fabric, rule)) {
      spread_.emplace(fabric);
    }
  }

  PatternLoad run(const Pattern& pattern) {
    PatternLoad result{.pattern = pattern.name, .rule = rule_};
    try {
      if (!apply(pattern, result.remark)) {
        return result;
      }
    } catch (const InputError& error) {
      result.remark = error.diagnostics().front().message;
      return result;
    }
    find_busiest(result);
    return result;
  }

 private:
  int cards() const { return static_cast<int>(fabric_.endpoints.size()); }

  /// Rail-optimised and multi-plane networks carry traffic between cards of one index only.
  bool by_rail() const {
    return fabric_.spec.kind == FabricKind::kMultiPlane ||
           (fabric_.spec.kind == FabricKind::kRailOptimised &&
            fabric_.spec.cross_rail != CrossRail::kSpine);
  }

  bool apply(const Pattern& pattern, std::string& remark) {
    if (const auto* graph = std::get_if<GraphNetwork>(&fabric_.network)) {
      const auto links = static_cast<double>(fabric_.links());
      if (links * graph->switches > kMostSearch) {
        remark = "too many switches to search from each";
        return false;
      }
    }
    const double each = spread_ ? 4.0 : crossings_of_one();
    const double room = kMostCrossings / cards() / each;
    if (room < 1.0) {
      remark = "too many ways to count";
      return false;
    }
    if (!pattern.all_to_all) {
      for (int card = 0; card < cards(); ++card) {
        const int node = pattern.node_to[static_cast<std::size_t>(card / fabric_.node.nics)];
        send(card, node * fabric_.node.nics + card % fabric_.node.nics, 1.0);
      }
      return true;
    }
    const int most = by_rail() ? fabric_.node.nodes - 1 : cards() - 1;
    const int shifts = std::min(most, static_cast<int>(std::min(room, 1e6 / cards() + 1.0)));
    if (shifts < std::min(most, kFewestShifts)) {
      remark = "too many cards to sample";
      return false;
    }
    remark = shifts < most ? fmt::format("by {} of {} shifts", shifts, most) : "";
    const int unit = by_rail() ? fabric_.node.nics : 1;
    for (std::int64_t i = 0; i < shifts; ++i) {
      const auto shift =
          static_cast<int>(1 + (2 * i + 1) * most / (std::int64_t{2} * shifts)) * unit;
      for (int card = 0; card < cards(); ++card) {
        send(card, (card + shift) % cards(), 1.0 / shifts);
      }
    }
    return true;
  }

  /// Mean over some pairs, by golden-ratio steps through the cards.
  double crossings_of_one() {
    constexpr int kPairs = 16;
    crossings_.clear();
    for (int i = 1; i <= kPairs; ++i) {
      const double step = static_cast<double>(i) * 0.6180339887498949;
      const auto node = static_cast<int>((step - std::floor(step)) * fabric_.node.nodes);
      if (node > 0) {
        router_.cross_network(0, node * fabric_.node.nics, 1.0, crossings_);
      }
    }
    return std::max(1.0, static_cast<double>(crossings_.size()) / kPairs);
  }

  void send(int from, int to, double share) {
    if (from == to) {
      return;
    }
    crossings_.clear();
    if (spread_) {
      spread_->send(from, to, share);
      load_[static_cast<std::size_t>(uplink(from))] += share;
      load_[static_cast<std::size_t>(fabric_.downlinks[static_cast<std::size_t>(to)])] += share;
      return;
    }
    router_.cross_network(from, to, share, crossings_);
    for (const Crossing& crossing : crossings_) {
      load_[static_cast<std::size_t>(crossing.link)] += crossing.share;
    }
  }

  LinkId uplink(int card) const {
    const DeviceId device = fabric_.node.first_nic + static_cast<DeviceId>(card);
    return fabric_.first_link(device) + fabric_.ports(device) - 1;
  }

  void find_busiest(PatternLoad& result) {
    if (spread_) {
      spread_->add_to(load_);
    }
    double worst = 0.0;
    LinkId at = -1;
    for (LinkId link = 0; link < fabric_.links(); ++link) {
      const double load = load_[static_cast<std::size_t>(link)];
      const double used =
          load == 0.0 ? 0.0 : load * (fabric_.size.nic.bandwidth / fabric_.link(link).bandwidth);
      if (used > worst * (1.0 + 1e-9)) {
        worst = used;
        at = link;
      }
    }
    result.busiest = worst;
    if (at >= 0) {
      result.link = fmt::format("{} to {}",
                                device_name(fabric_, fabric_.tail(at)),
                                device_name(fabric_, fabric_.head(at)));
    }
  }

  const Fabric& fabric_;
  RoutingRule rule_;
  Router router_;
  std::vector<double> load_;
  std::optional<SpreadLoad> spread_;
  std::vector<Crossing> crossings_;
};

}  // namespace

bool TopologyCheck::holds() const {
  return std::ranges::all_of(claims, &TopologyClaim::holds);
}

std::vector<TopologyClaim> check_structure(const Fabric& fabric, const TopologySummary& summary) {
  std::vector<TopologyClaim> claims = {
      check_ports(fabric, summary), check_gpus_reach(fabric), check_cards_reach(fabric)};
  if (std::holds_alternative<TreeNetwork>(fabric.network)) {
    for (const Oversubscription& tier : summary.oversubscription) {
      claims.push_back(check_oversubscription(tier));
    }
  }
  return claims;
}

std::vector<PatternLoad> pattern_loads(const Fabric& fabric) {
  std::vector<PatternLoad> loads;
  for (const Pattern& pattern : patterns(fabric)) {
    for (const RoutingRule rule : {RoutingRule::kShortest,
                                   RoutingRule::kDModK,
                                   RoutingRule::kEcmp,
                                   RoutingRule::kAdaptive}) {
      loads.push_back(Loader(fabric, rule).run(pattern));
    }
  }
  return loads;
}

TopologyCheck check_topology(const Fabric& fabric, const TopologySummary& summary) {
  TopologyCheck check{.claims = check_structure(fabric, summary), .loads = pattern_loads(fabric)};
  for (const PatternLoad& load : check.loads) {
    const bool unreachable = !load.busiest && load.remark.starts_with("no way");
    if (unreachable && load.rule == fabric.spec.routing) {
      check.claims.push_back({.holds = false, .text = load.pattern + ": " + load.remark});
    }
  }
  return check;
}

}  // namespace towtank
