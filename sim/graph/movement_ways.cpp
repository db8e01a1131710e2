#include "sim/graph/movement_ways.hpp"

#include <algorithm>
#include <numeric>

#include "sim/base/error.hpp"
#include "sim/graph/added_streams.hpp"
#include "sim/graph/exchange_relations.hpp"
#include "sim/graph/movement_relations.hpp"
#include "sim/graph/pair_limit.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

void join_shares(Way& way) {
  std::ranges::sort(way);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < way.size(); ++i) {
    if (way[i].first == way[kept].first) {
      way[kept].second += way[i].second;
    } else {
      way[++kept] = way[i];
    }
  }
  way.resize(std::min(way.size(), kept + 1));
}

}  // namespace

MovementWays::MovementWays(MovementJob& job, Folding folding, OpGraph& graph) : job_(job) {
  if (folding == Folding::kUnfolded) {
    keep_everything();
  } else {
    fold();
  }
  add_ranks(graph);
  add_wires(graph);
}

/// Every rank and every wire in a class of its own. All ways are followed once, to know the wires
/// and who passes something on.
void MovementWays::keep_everything() {
  for (std::size_t group = 0; group < job_.groups().size(); ++group) {
    const std::size_t phases = job_.groups()[group].movement.phases.size();
    for (std::size_t phase = 0; phase < phases; ++phase) {
      check_number_of_pairs(job_, job_.groups()[group].movement.phases[phase]);
      if (job_.fabric() != nullptr) {
        follow_phase(group, phase);
      }
    }
    follow_host_copies(group);
  }
  wires_ = unfolded(job_.fabric() == nullptr ? 0 : static_cast<int>(job_.fabric()->wires().size()));
  can_be_full_.assign(wires_.members.size(), true);
  sim_of_.resize(at(job_.ranks()));
  std::iota(sim_of_.begin(), sim_of_.end(), 0);
}

void MovementWays::follow_phase(std::size_t group, std::size_t phase) {
  const GroupMovement& moved = job_.groups()[group];
  for (const Delivery& delivery : written_out(moved.movement.phases[phase], moved.members)) {
    if (delivery.medium == Medium::kNic && delivery.from >= 0 && delivery.to >= 0) {
      const FabricPath& path = job_.fabric()->between(moved.members[at(delivery.from)].gpu,
                                                      moved.members[at(delivery.to)].gpu);
      for (const PortShare& share : path.ports) {
        job_.rank_of_gpu(share.gpu);
      }
    }
  }
  for (const Convoy& convoy : job_.convoys(group, phase)) {
    for (const AddedStream& stream : added_streams(convoy)) {
      job_.fabric()->added_up(job_.gpus_of(group, stream.members));
    }
  }
}

void MovementWays::follow_host_copies(std::size_t group) {
  const GroupMovement& moved = job_.groups()[group];
  check(moved.movement.host_copies.empty() || job_.fabric() != nullptr,
        "copies to a host's memory cross a PCIe that is described");
  for (const HostCopy& copy : moved.movement.host_copies) {
    job_.fabric()->host_copy(moved.members[at(copy.member)].gpu,
                             copy.to_host ? PortSide::kOut : PortSide::kIn);
  }
}

void MovementWays::fold() {
  MovementRelations related = movement_relations(job_);
  RankClasses classes = equitable_partition(related.relations);
  wires_ = std::move(classes.wires);
  can_be_full_ = std::move(related.can_be_full);
  same_ways_ = std::move(related.same_ways);
  // Things that stand for a leaf switch are no ranks of the graph.
  std::vector<int> sims(classes.ranks.members.size(), -1);
  int next = 0;
  sim_of_.assign(at(job_.ranks()), -1);
  for (std::size_t thing = 0; thing < related.rank.size(); ++thing) {
    if (related.rank[thing] >= 0) {
      int& sim = sims[at(classes.ranks.class_of[thing])];
      sim = sim < 0 ? next++ : sim;
      sim_of_[at(related.rank[thing])] = sim;
    }
  }
}

void MovementWays::add_ranks(OpGraph& graph) {
  for (int rank = 0; rank < job_.ranks(); ++rank) {
    const std::size_t sim = at(sim_of_[at(rank)]);
    if (sim == graph.ranks.size()) {
      graph.ranks.push_back({.rank = job_.gpu(rank), .pipeline = 0, .members = 0});
      firsts_.push_back(rank);
    }
    check(sim < graph.ranks.size(), "classes are numbered in the order of their first ranks");
    ++graph.ranks[sim].members;
  }
  graph.streams.resize(graph.ranks.size());
}

void MovementWays::add_wires(OpGraph& graph) {
  add_ports(job_.cluster(), graph);
  if (job_.fabric() == nullptr) {
    return;
  }
  parts_ = job_.fabric()->units();
  for (Wire& wire : graph.wires) {
    wire.capacity = job_.fabric()->port(graph.ranks[at(wire.rank)].rank, wire.medium);
  }
  wire_of_class_.assign(wires_.members.size(), -1);
  for (std::size_t i = 0; i < wire_of_class_.size(); ++i) {
    if (can_be_full_[at(wires_.representatives[i])]) {
      const FabricWire& wire = job_.fabric()->wires()[at(wires_.representatives[i])];
      wire_of_class_[i] = static_cast<int>(graph.wires.size());
      graph.wires.push_back({.name = wire.name,
                             .medium = Medium::kNic,
                             .rank = -1,
                             .capacity = wire.capacity,
                             .members = wires_.members[i],
                             .payload = wire.payload});
    }
  }
}

/// The wires of a way that can be full.
void MovementWays::add_shares(const FabricPath& path, std::int64_t times, Way& way) const {
  for (const WireShare& share : path.shares) {
    check(at(share.wire) < wires_.class_of.size(), "ways are those that relations know");
    const int wire = wire_of_class_[at(wires_.class_of[at(share.wire)])];
    if (wire >= 0) {
      way.emplace_back(wire, share.units * times);
    }
  }
}

Way MovementWays::of_host_copy(std::size_t group, const HostCopy& copy) const {
  Way way;
  add_shares(job_.fabric()->host_copy(job_.gpu(job_.rank(group, copy.member)),
                                      copy.to_host ? PortSide::kOut : PortSide::kIn),
             1,
             way);
  join_shares(way);
  return way;
}

Way MovementWays::between(std::size_t group, int from, int to, Medium medium) const {
  const FabricPath* path = nullptr;
  if (job_.fabric() != nullptr && medium == Medium::kNic && from >= 0 && to >= 0) {
    path =
        &job_.fabric()->between(job_.gpu(job_.rank(group, from)), job_.gpu(job_.rank(group, to)));
  }
  Way way;
  if (path == nullptr || path->ports.empty()) {
    if (from >= 0) {
      way.emplace_back(port(sim(group, from), medium, PortSide::kOut), parts_);
    }
    if (to >= 0) {
      way.emplace_back(port(sim(group, to), medium, PortSide::kIn), parts_);
    }
  }
  if (path != nullptr) {
    for (const PortShare& share : path->ports) {
      const int through = sim_of_[at(job_.rank_of_gpu(share.gpu))];
      way.emplace_back(port(through, share.medium, share.side), share.units);
    }
    add_shares(*path, 1, way);
  }
  join_shares(way);
  return way;
}

Way MovementWays::of_convoy(std::size_t group, const Convoy& convoy) const {
  Way all;
  for (const Convoy::Leg& leg : convoy.legs) {
    for (const auto& [wire, parts] : between(group, leg.from, leg.to, convoy.medium)) {
      all.emplace_back(wire, parts * leg.parts);
    }
  }
  if (job_.fabric() != nullptr && convoy.medium == Medium::kNic) {
    for (const AddedStream& stream : added_streams(convoy)) {
      add_shares(job_.fabric()->added_up(job_.gpus_of(group, stream.members)), stream.parts, all);
    }
  }
  join_shares(all);
  return all;
}

int MovementWays::receiving(std::size_t group, const Exchange& exchange, int member) const {
  const std::vector<Member>& members = job_.groups()[group].members;
  const int gpu = members[at(member)].gpu;
  if (!same_ways_ || !same_ways_->alike_receiving() ||
      !on_one_rail(*same_ways_, members, exchange)) {
    return gpu;
  }
  return same_ways_->receiving(gpu);
}

}  // namespace towtank
