#include "sim/graph/coupled_flow.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <tuple>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// How many groups with as many members of each class the job has.
std::int64_t groups_like(const JobLayout& job,
                         const OpGraph& graph,
                         const std::vector<int>& group) {
  std::map<int, std::int64_t> members;
  for (const int rank : group) {
    ++members[job.classes.ranks.class_of[at(rank)]];
  }
  std::int64_t groups = 0;
  for (const auto& [of_class, count] : members) {
    const std::int64_t all = graph.ranks[at(of_class)].members;
    check(all % count == 0 && (groups == 0 || all / count == groups),
          "groups of one kind have equally many members of each class");
    groups = all / count;
  }
  return groups;
}

/// Units of wires, summed; the wires of an op graph are few where those of a group are many.
class WireUnits {
 public:
  explicit WireUnits(std::size_t wires) : units_(wires) {}

  void add(int wire, std::int64_t units) {
    if (units_[at(wire)] == 0) {
      touched_.push_back(wire);
    }
    units_[at(wire)] += units;
  }

  /// (wire, units), ascending; none are left.
  std::vector<std::pair<int, std::int64_t>> take() {
    std::ranges::sort(touched_);
    std::vector<std::pair<int, std::int64_t>> taken;
    taken.reserve(touched_.size());
    for (const int wire : touched_) {
      taken.emplace_back(wire, std::exchange(units_[at(wire)], 0));
    }
    touched_.clear();
    return taken;
  }

 private:
  std::vector<std::int64_t> units_;
  std::vector<int> touched_;
};

/// Follows the legs of convoys.
class LegWriter {
 public:
  LegWriter(const JobLayout& job,
            const OpGraph& graph,
            const FabricHops& fabric,
            const std::vector<int>& group)
      : job_(job), graph_(graph), fabric_(fabric), group_(group), units_(graph.wires.size()) {}

  /// Of each wire, what the legs take together, in units of the wire's parts.
  std::vector<std::pair<int, std::int64_t>> follow(const Convoy& convoy) {
    for (const Convoy::Leg& leg : convoy.legs) {
      if (convoy.medium == Medium::kNic && job_.fabric != nullptr) {
        over_fabric(leg);
        continue;
      }
      if (leg.from >= 0) {
        through_port(leg.from, convoy.medium, PortSide::kOut, leg.parts);
      }
      if (leg.to >= 0) {
        through_port(leg.to, convoy.medium, PortSide::kIn, leg.parts);
      }
    }
    return units_.take();
  }

  /// Of all legs so far.
  Seconds longest() const { return longest_; }

 private:
  void through_port(int member, Medium medium, PortSide side, int parts) {
    const int wire = port(job_.classes.ranks.class_of[at(group_[at(member)])], medium, side);
    units_.add(wire, std::int64_t{parts} * graph_.wires[at(wire)].parts);
  }

  void over_fabric(const Convoy::Leg& leg) {
    check(leg.from >= 0 && leg.to >= 0, "a plan's collectives do not add in the network");
    const int from = group_[at(leg.from)];
    const int to = group_[at(leg.to)];
    for (const WireShare& share : fabric_.way(from, to)) {
      units_.add(share.wire, std::int64_t{share.units} * leg.parts);
    }
    longest_ = std::max(longest_, fabric_.latency(from, to));
  }

  const JobLayout& job_;
  const OpGraph& graph_;
  const FabricHops& fabric_;
  const std::vector<int>& group_;
  WireUnits units_;
  Seconds longest_;
};

}  // namespace

std::vector<CoupledFlow> coupled_flows(const JobLayout& job,
                                       const OpGraph& graph,
                                       const FabricHops& fabric,
                                       const std::vector<int>& group,
                                       int rank,
                                       const std::vector<Convoy>& convoys) {
  struct Alike {
    std::int64_t convoys = 0;
    int sent = 0;
  };
  using Key = std::tuple<Medium, Bytes, std::vector<std::pair<int, std::int64_t>>>;
  std::map<Key, Alike> alike;
  LegWriter legs(job, graph, fabric, group);
  for (const Convoy& convoy : convoys) {
    Alike& like = alike[{convoy.medium, convoy.part, legs.follow(convoy)}];
    ++like.convoys;
    for (const Convoy::Leg& leg : convoy.legs) {
      like.sent += leg.from >= 0 && group[at(leg.from)] == rank ? leg.parts : 0;
    }
  }
  const std::int64_t groups = groups_like(job, graph, group);
  std::vector<CoupledFlow> flows;
  flows.reserve(alike.size());
  for (const auto& [key, like] : alike) {
    const auto& [medium, part, way] = key;
    CoupledFlow flow{.medium = medium,
                     .part = part,
                     .hops = {},
                     .sent = like.sent,
                     .latency = medium == Medium::kNic ? legs.longest() : Seconds()};
    flow.hops.reserve(way.size());
    for (const auto& [wire, units] : way) {
      flow.hops.push_back({.wire = wire,
                           .times = shares_of_one_wire(groups * like.convoys * units,
                                                       graph.wires[at(wire)].members)});
    }
    flows.push_back(std::move(flow));
  }
  return flows;
}

}  // namespace towtank
