#include "sim/plan/expert_balancer.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/plan/even_packing.hpp"

namespace towtank {
namespace {

/// Whether the busiest rank of `a` receives more than that of `b`, beyond rounding.
bool is_worse(const ExpertPlacement& a, const ExpertPlacement& b, std::span<const double> load) {
  return std::ranges::max(rank_loads(a, load)) >
         std::ranges::max(rank_loads(b, load)) * (1.0 + 1e-12);
}

/// The slots of `experts` with so many `counts` of them, one after another, and what each receives.
struct Slots {
  std::vector<std::size_t> experts;
  std::vector<double> weights;
};

Slots slots_of(std::span<const std::size_t> experts,
               std::span<const double> load,
               std::span<const std::size_t> counts) {
  Slots slots;
  const std::size_t total = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
  slots.experts.reserve(total);
  slots.weights.reserve(total);
  for (std::size_t i = 0; i < experts.size(); ++i) {
    slots.experts.insert(slots.experts.end(), counts[i], experts[i]);
    slots.weights.insert(slots.weights.end(), counts[i], load[i] / static_cast<double>(counts[i]));
  }
  return slots;
}

/// Slots in the order of their ranks, in each rank by expert.
std::vector<std::size_t> by_rank(const Slots& slots,
                                 const std::vector<std::size_t>& rank_of,
                                 std::size_t ranks) {
  std::vector<std::size_t> ordered;
  ordered.reserve(slots.experts.size());
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    for (std::size_t slot = 0; slot < slots.experts.size(); ++slot) {
      if (rank_of[slot] == rank) {
        ordered.push_back(slots.experts[slot]);
      }
    }
  }
  return ordered;
}

/// Experts with so many replicas each, packed into ranks.
struct Packing {
  std::vector<std::size_t> counts;   // (experts)
  std::vector<std::size_t> ordered;  // (slots), as by_rank() has them
  double peak = 0.0;                 // load of the busiest rank
  std::size_t busiest = 0;
  bool repeats = false;  // some rank has an expert twice, which is a slot wasted
};

Packing pack(std::span<const std::size_t> experts,
             std::span<const double> load,
             std::vector<std::size_t> counts,
             std::size_t ranks) {
  const Slots slots = slots_of(experts, load, counts);
  const std::vector<std::size_t> rank_of = pack_evenly(slots.weights, slots.experts, ranks);
  std::vector<double> loads(ranks, 0.0);
  for (std::size_t slot = 0; slot < rank_of.size(); ++slot) {
    loads[rank_of[slot]] += slots.weights[slot];
  }
  const auto peak = std::ranges::max_element(loads);
  std::vector<std::size_t> ordered = by_rank(slots, rank_of, ranks);
  const std::size_t room = ordered.size() / ranks;
  bool repeats = false;
  for (std::size_t slot = 1; slot < ordered.size(); ++slot) {
    repeats = repeats || (slot % room != 0 && ordered[slot] == ordered[slot - 1]);
  }
  return {.counts = std::move(counts),
          .ordered = std::move(ordered),
          .peak = *peak,
          .busiest = static_cast<std::size_t>(peak - loads.begin()),
          .repeats = repeats};
}

/// Moves replicas from one expert to another for as long as that makes the busiest rank's load
/// less.
class ReplicaMoves {
 public:
  ReplicaMoves(std::span<const std::size_t> experts,
               std::span<const double> load,
               std::size_t ranks)
      : experts_(experts), load_(load), ranks_(ranks) {}

  /// The best packing after one replica of some expert is taken away for one more of an expert on
  /// the busiest rank, or if that is no help of any other; the given one when none is better.
  Packing moved(const Packing& from) {
    const std::size_t room = from.ordered.size() / ranks_;
    const auto on_busiest = std::span(from.ordered).subspan(from.busiest * room, room);
    Packing best = from;
    for (const bool wanted : {true, false}) {
      for (std::size_t to = 0; to < experts_.size() && best.peak >= from.peak; ++to) {
        const bool there = std::ranges::find(on_busiest, experts_[to]) != on_busiest.end();
        if (from.counts[to] < ranks_ && there == wanted) {
          try_donors(from, to, best);
        }
      }
    }
    return best;
  }

  bool spent() const { return slots_packed_ > kMostSlotsPacked; }

 private:
  static constexpr std::size_t kMostSlotsPacked = 1 << 15;  // some 10 ms

  void try_donors(const Packing& from, std::size_t to, Packing& best) {
    for (std::size_t donor = 0; donor < experts_.size() && !spent(); ++donor) {
      if (donor == to || from.counts[donor] == 1) {
        continue;
      }
      std::vector<std::size_t> counts = from.counts;
      --counts[donor];
      ++counts[to];
      Packing next = pack(experts_, load_, std::move(counts), ranks_);
      slots_packed_ += next.ordered.size();
      if (!next.repeats && next.peak < best.peak * (1.0 - 1e-12)) {
        best = std::move(next);
      }
    }
  }

  std::span<const std::size_t> experts_;
  std::span<const double> load_;
  std::size_t ranks_;
  std::size_t slots_packed_ = 0;
};

/// The experts with their replicas over some ranks, as slots in the order of the ranks: packed with
/// the replicas of replicate(), then with replicas moved while the busiest rank is further than a
/// thousandth above what no packing can beat.
std::vector<std::size_t> packed(std::span<const std::size_t> experts,
                                std::span<const double> load,
                                std::size_t redundant,
                                std::size_t ranks) {
  Packing best = pack(experts, load, replicate(load, redundant, ranks), ranks);
  double bound = std::accumulate(load.begin(), load.end(), 0.0) / static_cast<double>(ranks);
  for (std::size_t i = 0; i < load.size(); ++i) {
    bound = std::max(bound, load[i] / static_cast<double>(best.counts[i]));
  }
  ReplicaMoves moves(experts, load, ranks);
  while (best.peak > 1.001 * bound && !moves.spent()) {
    Packing next = moves.moved(best);
    if (next.peak >= best.peak) {
      break;
    }
    best = std::move(next);
  }
  return best.ordered;
}

/// The same slots as in order, but exchanged: never worse than in order.
ExpertPlacement in_order_exchanged(const ExpertPlacement& in_order, std::span<const double> load) {
  const std::vector<std::size_t> count = replicas(in_order, load.size());
  Slots slots{.experts = in_order.expert_of_slot, .weights = {}};
  std::vector<std::size_t> rank_of;
  slots.weights.reserve(slots.experts.size());
  rank_of.reserve(slots.experts.size());
  for (std::size_t slot = 0; slot < slots.experts.size(); ++slot) {
    const std::size_t expert = slots.experts[slot];
    slots.weights.push_back(load[expert] / static_cast<double>(count[expert]));
    rank_of.push_back(slot / in_order.slots_of_rank());
  }
  const auto ranks = static_cast<std::size_t>(in_order.ranks);
  return {.ranks = in_order.ranks,
          .expert_of_slot = by_rank(
              slots, exchanged(std::move(rank_of), slots.weights, slots.experts, ranks), ranks)};
}

ExpertPlacement place_globally(const ExpertLayer& layer,
                               int ranks,
                               std::int64_t redundant,
                               std::span<const double> load) {
  std::vector<std::size_t> experts(load.size());
  std::iota(experts.begin(), experts.end(), std::size_t{0});
  ExpertPlacement placement{
      .ranks = ranks,
      .expert_of_slot = packed(
          experts, load, static_cast<std::size_t>(redundant), static_cast<std::size_t>(ranks))};
  const ExpertPlacement in_order = place_in_order(layer.experts, redundant, ranks);
  if (is_worse(placement, in_order, load)) {
    return in_order_exchanged(in_order, load);
  }
  return placement;
}

/// Experts of the groups that `node_of` gives to a node, ascending.
std::vector<std::size_t> experts_of_node(const std::vector<std::size_t>& node_of,
                                         std::size_t group_size,
                                         std::size_t node) {
  std::vector<std::size_t> experts;
  experts.reserve(node_of.size() * group_size);
  for (std::size_t group = 0; group < node_of.size(); ++group) {
    for (std::size_t i = 0; i < group_size && node_of[group] == node; ++i) {
      experts.push_back(group * group_size + i);
    }
  }
  return experts;
}

ExpertPlacement place_hierarchically(const ExpertLayer& layer,
                                     const GroupShape& shape,
                                     std::int64_t redundant,
                                     std::span<const double> load) {
  const auto nodes = static_cast<std::size_t>(shape.nodes);
  const auto group_size = static_cast<std::size_t>(layer.experts / layer.groups);
  const std::vector<double> group_loads = sums_of(load, group_size);
  std::vector<std::size_t> groups(group_loads.size());
  std::iota(groups.begin(), groups.end(), std::size_t{0});
  const std::vector<std::size_t> node_of = pack_evenly(group_loads, groups, nodes);
  ExpertPlacement placement{.ranks = shape.size(), .expert_of_slot = {}};
  placement.expert_of_slot.reserve(static_cast<std::size_t>(layer.experts + redundant));
  for (std::size_t node = 0; node < nodes; ++node) {
    const std::vector<std::size_t> experts = experts_of_node(node_of, group_size, node);
    std::vector<double> own;
    own.reserve(experts.size());
    for (const std::size_t expert : experts) {
      own.push_back(load[expert]);
    }
    const std::vector<std::size_t> slots = packed(experts,
                                                  own,
                                                  static_cast<std::size_t>(redundant) / nodes,
                                                  static_cast<std::size_t>(shape.local));
    placement.expert_of_slot.insert(placement.expert_of_slot.end(), slots.begin(), slots.end());
  }
  return placement;
}

}  // namespace

std::string_view name(PlacementPolicy policy) {
  switch (policy) {
    case PlacementPolicy::kStatic:
      return "static";
    case PlacementPolicy::kHierarchical:
      return "hierarchical";
    case PlacementPolicy::kGlobal:
      return "global";
    case PlacementPolicy::kBalanced:
      return "balanced";
  }
  return "";
}

bool groups_fit_nodes(const ExpertLayer& layer, const GroupShape& shape, std::int64_t redundant) {
  const std::int64_t slots = (layer.experts + redundant) / shape.nodes;
  return shape.even() && layer.groups > 1 && layer.groups % shape.nodes == 0 &&
         redundant % shape.nodes == 0 && slots % shape.local == 0 &&
         slots / shape.local <= layer.experts / shape.nodes;
}

BalancedPlacement place_by_load(const ExpertLayer& layer,
                                const GroupShape& shape,
                                std::int64_t redundant,
                                PlacementPolicy policy,
                                std::span<const double> load) {
  const ExpertPlacement in_order = place_in_order(layer.experts, redundant, shape.size());
  switch (policy) {
    case PlacementPolicy::kStatic:
      return {.placement = in_order, .policy = policy};
    case PlacementPolicy::kGlobal:
      return {.placement = place_globally(layer, shape.size(), redundant, load), .policy = policy};
    case PlacementPolicy::kHierarchical:
      check(groups_fit_nodes(layer, shape, redundant), "the router's groups divide over the nodes");
      return {.placement = place_hierarchically(layer, shape, redundant, load), .policy = policy};
    case PlacementPolicy::kBalanced:
      break;
  }
  if (groups_fit_nodes(layer, shape, redundant)) {
    ExpertPlacement placement = place_hierarchically(layer, shape, redundant, load);
    if (!is_worse(placement, in_order, load)) {
      return {.placement = std::move(placement), .policy = PlacementPolicy::kHierarchical};
    }
  }
  return {.placement = place_globally(layer, shape.size(), redundant, load),
          .policy = PlacementPolicy::kGlobal};
}

std::vector<std::size_t> replicate(std::span<const double> load,
                                   std::size_t redundant,
                                   std::size_t most) {
  check(load.size() + redundant <= load.size() * most, "replicas have ranks to lie on");
  std::vector<std::size_t> counts(load.size(), 1);
  for (std::size_t i = 0; i < redundant; ++i) {
    std::size_t next = load.size();
    double heaviest = -1.0;
    for (std::size_t expert = 0; expert < load.size(); ++expert) {
      const double weight = load[expert] / static_cast<double>(counts[expert]);
      if (counts[expert] < most && weight > heaviest) {
        next = expert;
        heaviest = weight;
      }
    }
    check(next < load.size(), "some expert may have another replica");
    ++counts[next];
  }
  return counts;
}

}  // namespace towtank
