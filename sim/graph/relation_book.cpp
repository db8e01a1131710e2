#include "sim/graph/relation_book.hpp"

#include <bit>

#include "sim/base/error.hpp"
#include "sim/graph/full_wires.hpp"
#include "sim/graph/pair_limit.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

}  // namespace

RelationBook::RelationBook(MovementJob& job) : job_(job) {
  for (const GpuFault& fault : job.cluster().faults) {
    fault_of_[fault.gpu] = &fault;
  }
  note_ranks();
}

int RelationBook::thing(std::size_t group, int member) const {
  return index_of_[at(job_.rank(group, member))];
}

/// Gives every rank of the job a thing, with how fast its ports are.
void RelationBook::note_ranks() {
  while (index_of_.size() < at(job_.ranks())) {
    const int number = static_cast<int>(index_of_.size());
    if (job_.fabric() == nullptr) {
      const auto found = fault_of_.find(job_.gpu(number));
      const GpuFault fault = found == fault_of_.end() ? GpuFault() : *found->second;
      index_of_.push_back(add_thing(number, attribute(fault.nvlink, fault.nic)));
      continue;
    }
    const Bandwidth nvlink = job_.fabric()->port(job_.gpu(number), Medium::kNvlink);
    const Bandwidth nic = job_.fabric()->port(job_.gpu(number), Medium::kNic);
    index_of_.push_back(add_thing(number, attribute(nvlink.si(), nic.si())));
    ports_.insert(ports_.end(), 2, nvlink);
    ports_.insert(ports_.end(), 2, nic);
  }
}

int RelationBook::add_thing(int rank, std::uint64_t attribute) {
  relations_.attributes.push_back(attribute);
  rank_.push_back(rank);
  return static_cast<int>(rank_.size()) - 1;
}

std::uint64_t RelationBook::attribute(double nvlink, double nic) {
  const auto next = static_cast<std::uint64_t>(attributes_.size()) + 1;
  return attributes_.try_emplace({nvlink, nic}, next).first->second;
}

int RelationBook::add_switch() {
  constexpr std::uint64_t kSwitch = std::uint64_t{1} << 48U;
  ports_.insert(ports_.end(), kPortsOfRank, Bandwidth());
  return add_thing(-1, kSwitch);
}

void RelationBook::count_in(int switch_thing, int member_thing) {
  for (const PortSide side : {PortSide::kOut, PortSide::kIn}) {
    ports_[at(port(switch_thing, Medium::kNic, side))] +=
        ports_[at(port(member_thing, Medium::kNic, side))];
  }
}

int RelationBook::label(Relation relation, std::size_t phase, double bytes, int a, int b, int c) {
  const auto next = static_cast<int>(labels_.size());
  return labels_.try_emplace({static_cast<int>(relation), phase, bytes, a, b, c}, next)
      .first->second;
}

void RelationBook::join(int label, int group, int thing) {
  relations_.memberships.push_back({.label = label, .group = group, .rank = thing});
}

void RelationBook::send(const RankRelations::Sending& sending) {
  relations_.sendings.push_back(sending);
  if (job_.fabric() != nullptr &&
      static_cast<std::int64_t>(relations_.sendings.size()) > kMostPairs) {
    refuse_so_many_pairs(job_);
  }
}

void RelationBook::follow(int from, int to, int times) {
  follow_gpus(job_.gpu(rank_[at(from)]), job_.gpu(rank_[at(to)]), times);
}

void RelationBook::follow_gpus(int from_gpu, int to_gpu, int times) {
  const FabricPath& path = job_.fabric()->between(from_gpu, to_gpu);
  cross(path, times);
  const int sending = static_cast<int>(relations_.sendings.size()) - 1;
  for (const PortShare& share : path.ports) {
    const int number = job_.rank_of_gpu(share.gpu);
    note_ranks();
    relations_.passages.push_back({.sending = sending,
                                   .rank = index_of_[at(number)],
                                   .port = port(0, share.medium, share.side),
                                   .share = share.units * times});
  }
}

void RelationBook::follow_added_stream(std::span<const int> gpus, int times) {
  cross(job_.fabric()->added_up(gpus), times);
}

void RelationBook::follow_host_copy(int gpu, PortSide side) {
  const FabricPath& path = job_.fabric()->host_copy(gpu, side);
  cross(path, 1);
  for (const WireShare& share : path.shares) {
    beside_ports_.push_back(share.wire);
  }
}

void RelationBook::cross(const FabricPath& path, int times) {
  const int sending = static_cast<int>(relations_.sendings.size()) - 1;
  for (const WireShare& share : path.shares) {
    relations_.crossings.push_back(
        {.sending = sending, .wire = share.wire, .share = share.units * times});
  }
}

void RelationBook::note_wires() {
  if (job_.fabric() == nullptr) {
    return;
  }
  std::vector<Bandwidth> capacities;
  capacities.reserve(job_.fabric()->wires().size());
  relations_.wires.reserve(capacities.capacity());
  for (const FabricWire& wire : job_.fabric()->wires()) {
    capacities.push_back(wire.capacity);
    relations_.wires.push_back(wire.attribute());
  }
  can_be_full_ = can_be_full(relations_, ports_, capacities, job_.fabric()->units());
  for (const int wire : beside_ports_) {
    can_be_full_[at(wire)] = true;
  }
}

RelationBook::Written RelationBook::leave_out_wires() {
  leave_out(can_be_full_, relations_);
  return {.relations = std::move(relations_),
          .rank = std::move(rank_),
          .can_be_full = std::move(can_be_full_)};
}

}  // namespace towtank
