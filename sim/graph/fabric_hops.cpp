#include "sim/graph/fabric_hops.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "sim/base/error.hpp"
#include "sim/graph/group_ways.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {

namespace {

/// Makes the shares of one wire one.
void join_shares(FabricWay& way) {
  std::ranges::sort(way);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < way.size(); ++i) {
    if (way[i].wire == way[kept].wire) {
      way[kept].units += way[i].units;
    } else {
      way[++kept] = way[i];
    }
  }
  way.resize(std::min(way.size(), kept + 1));
}

}  // namespace

FabricHops::FabricHops(const JobLayout& job, OpGraph& graph) : job_(job) {
  if (job.fabric == nullptr) {
    return;
  }
  for (Wire& wire : graph.wires) {
    const int rank = graph.ranks[static_cast<std::size_t>(wire.rank)].rank;
    wire.parts = job.fabric->units();
    wire.capacity = job.fabric->port(job.first_gpu + rank, wire.medium) * wire.parts;
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
                           .members = classes.members[i],
                           .parts = job.fabric->units(),
                           .cables = wire.cables,
                           .payload = wire.payload});
  }
}

FabricWay FabricHops::way(int from_rank, int to_rank) const {
  FabricWay way;
  if (job_.fabric == nullptr) {
    return way;
  }
  const FabricPath& path = between(from_rank, to_rank);
  const auto pass = [&](int rank, Medium medium, PortSide side, int units) {
    const int of_class = job_.classes.ranks.class_of[static_cast<std::size_t>(rank)];
    way.push_back({.wire = port(of_class, medium, side), .units = units});
  };
  way.reserve(path.shares.size() + path.ports.size() + 2);
  if (path.ports.empty()) {
    pass(from_rank, Medium::kNic, PortSide::kOut, job_.fabric->units());
    pass(to_rank, Medium::kNic, PortSide::kIn, job_.fabric->units());
  }
  for (const PortShare& share : path.ports) {
    pass(share.gpu - job_.first_gpu, share.medium, share.side, share.units);
  }
  for (const WireShare& share : path.shares) {
    const auto index = static_cast<std::size_t>(share.wire);
    check(index < job_.classes.wires.class_of.size(), "ranks use ways that relations know");
    const int wire = wire_of_class_[static_cast<std::size_t>(job_.classes.wires.class_of[index])];
    if (wire >= 0) {
      way.push_back({.wire = wire, .units = share.units});
    }
  }
  join_shares(way);
  return way;
}

const FabricPath& FabricHops::between(int from_rank, int to_rank) const {
  return job_.fabric->between(job_.first_gpu + from_rank, job_.first_gpu + to_rank);
}

Seconds FabricHops::latency(int from_rank, int to_rank) const {
  return job_.fabric == nullptr ? Seconds() : between(from_rank, to_rank).latency;
}

Seconds FabricHops::longest(const GroupLayout& group) const {
  return job_.fabric == nullptr ? Seconds() : longest_way(group, *job_.fabric, job_.first_gpu);
}

int shares_of_one_wire(std::int64_t shares, std::int64_t wires) {
  check(shares % wires == 0, "wires of one class carry equally many flows");
  if (shares / wires > std::numeric_limits<int>::max()) {
    throw InputError(
        {.file = "cluster.fabric"},
        "failures divide the traffic of so many GPUs into too many parts to count",
        "a fault with factor = 0.01 instead of 0 keeps the ways as they are; a smaller "
        "cluster; routing = \"d-mod-k\"");
  }
  return static_cast<int>(shares / wires);
}

std::vector<Hop> fabric_hops(const OpGraph& graph, const FabricWay& way, int source, int copies) {
  const std::int64_t flows = graph.ranks[static_cast<std::size_t>(source)].members * copies;
  std::vector<Hop> hops;
  hops.reserve(way.size());
  for (const WireShare& share : way) {
    const std::int64_t wires = graph.wires[static_cast<std::size_t>(share.wire)].members;
    hops.push_back({.wire = share.wire, .times = shares_of_one_wire(flows * share.units, wires)});
  }
  return hops;
}

}  // namespace towtank
