#include "sim/graph/fabric_hops.hpp"

#include <algorithm>
#include <cstddef>
#include <map>

#include "sim/base/error.hpp"
#include "sim/graph/group_ways.hpp"

namespace towtank {

FabricHops::FabricHops(const JobLayout& job, OpGraph& graph) : job_(job) {
  for (Wire& wire : graph.wires) {
    if (job.fabric != nullptr && wire.medium == Medium::kNic) {
      wire.capacity = std::min(wire.capacity, job.fabric->card_limit());
    }
  }
  const Partition& classes = job.classes.wires;
  wire_of_class_.assign(classes.members.size(), -1);
  for (std::size_t i = 0; i < wire_of_class_.size(); ++i) {
    const auto representative = static_cast<std::size_t>(classes.representatives[i]);
    if (!job.can_be_full[representative]) {
      continue;
    }
    const FabricWire& wire = job.fabric->wires()[representative];
    wire_of_class_[i] = static_cast<int>(graph.wires.size());
    graph.wires.push_back({.name = wire.name,
                           .medium = Medium::kNic,
                           .rank = -1,
                           .capacity = wire.capacity * job.fabric->units(),
                           .members = classes.members[i]});
  }
}

FabricWay FabricHops::way(int from_rank, int to_rank) const {
  if (job_.fabric == nullptr) {
    return {};
  }
  std::map<int, int> units;
  for (const WireShare& share : job_.fabric->between(from_rank, to_rank).shares) {
    const auto index = static_cast<std::size_t>(share.wire);
    check(index < job_.classes.wires.class_of.size(), "ranks use ways that relations know");
    const int wire = wire_of_class_[static_cast<std::size_t>(job_.classes.wires.class_of[index])];
    if (wire >= 0) {
      units[wire] += share.units;
    }
  }
  FabricWay way;
  way.reserve(units.size());
  for (const auto& [wire, count] : units) {
    way.push_back({.wire = wire, .units = count});
  }
  return way;
}

Seconds FabricHops::latency(int from_rank, int to_rank) const {
  return job_.fabric == nullptr ? Seconds() : job_.fabric->between(from_rank, to_rank).latency;
}

Seconds FabricHops::longest(const GroupLayout& group, bool ring) const {
  return job_.fabric == nullptr ? Seconds() : longest_way(group, ring, *job_.fabric);
}

std::vector<Hop> fabric_hops(const OpGraph& graph, const FabricWay& way, int source, int copies) {
  const std::int64_t flows = graph.ranks[static_cast<std::size_t>(source)].members * copies;
  std::vector<Hop> hops;
  hops.reserve(way.size());
  for (const WireShare& share : way) {
    const std::int64_t wires = graph.wires[static_cast<std::size_t>(share.wire)].members;
    check(flows * share.units % wires == 0, "wires of one class carry equally many flows");
    hops.push_back({.wire = share.wire, .times = static_cast<int>(flows * share.units / wires)});
  }
  return hops;
}

}  // namespace towtank
