#include "sim/graph/movement_relations.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/graph/full_wires.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

const Member& member(const GroupMovement& group, int number) {
  return group.members[at(number)];
}

enum class Relation {
  kTogether,      // members of a group
  kConvoy,        // who keep one pace, and how many parts their ports carry
  kConvoyLeg,     // the way of one link of it
  kPair,          // one delivery by itself
  kExchange,      // everybody to everybody
  kOwnNode,       // whom an exchange leaves out
  kBehindSender,  // a leaf switch and the members behind it
  kBehindReceiver,
  kSwitchToSwitch,  // the ways of what they send
  kLeftOut,         // ways that nothing of an exchange takes
};

class RelationWriter {
 public:
  explicit RelationWriter(MovementJob& job) : job_(job) {
    for (const GpuFault& fault : job.cluster().faults) {
      fault_of_[fault.gpu] = &fault;
    }
  }

  MovementRelations write() {
    note_ranks();
    for (std::size_t group = 0; group < job_.groups().size(); ++group) {
      const GroupMovement& moved = job_.groups()[group];
      const int together = result_.relations.groups++;
      for (std::size_t i = 0; i < moved.members.size(); ++i) {
        join(label(Relation::kTogether, 0, 0.0, moved.kind), together, rank(group, i));
      }
      for (std::size_t phase = 0; phase < moved.movement.phases.size(); ++phase) {
        write_phase(group, phase);
      }
    }
    note_ranks();
    write_wires();
    write_ways_left_out();
    leave_out(result_.can_be_full, result_.relations);
    return std::move(result_);
  }

 private:
  using Sending = RankRelations::Sending;

  int rank(std::size_t group, std::size_t number) const {
    return index_of_[at(job_.rank(group, static_cast<int>(number)))];
  }

  /// Gives every rank of the job an index among the things that are related.
  void note_ranks() {
    while (index_of_.size() < at(job_.ranks())) {
      const int number = static_cast<int>(index_of_.size());
      const auto found = fault_of_.find(job_.gpu(number));
      const GpuFault fault = found == fault_of_.end() ? GpuFault() : *found->second;
      index_of_.push_back(add_thing(number, attribute(fault.nvlink, fault.nic)));
      for (int medium = 0; job_.fabric() != nullptr && medium < kMedia; ++medium) {
        const Bandwidth port = job_.fabric()->port(job_.gpu(number), static_cast<Medium>(medium));
        ports_.insert(ports_.end(), 2, port);
      }
    }
  }

  int add_thing(int number, std::uint64_t attribute) {
    result_.relations.attributes.push_back(attribute);
    result_.rank.push_back(number);
    return static_cast<int>(result_.rank.size()) - 1;
  }

  std::uint64_t attribute(double nvlink, double nic) {
    const auto next = static_cast<std::uint64_t>(attributes_.size()) + 1;
    return attributes_.try_emplace({nvlink, nic}, next).first->second;
  }

  /// Tells relations of different kinds, phases, sizes and further properties apart.
  int label(Relation relation, std::size_t phase, double bytes, int a = 0, int b = 0, int c = 0) {
    const auto next = static_cast<int>(labels_.size());
    return labels_.try_emplace({static_cast<int>(relation), phase, bytes, a, b, c}, next)
        .first->second;
  }

  void join(int label, int group, int thing) {
    result_.relations.memberships.push_back({.label = label, .group = group, .rank = thing});
  }

  void write_phase(std::size_t group, std::size_t phase) {
    for (const Convoy& convoy : job_.convoys(group, phase)) {
      write_convoy(group, phase, convoy);
    }
    const MovementPhase& moved = job_.groups()[group].movement.phases[phase];
    for (const Delivery& delivery : moved.deliveries) {
      if (delivery.convoy == kByItself) {
        write_pair(group, phase, delivery);
      }
    }
    for (const Exchange& exchange : moved.exchanges) {
      write_exchange(group, phase, exchange);
    }
  }

  void write_convoy(std::size_t group, std::size_t phase, const Convoy& convoy) {
    const int number = result_.relations.groups++;
    std::map<int, std::array<int, 2>> parts;  // of each rank: out and in
    for (const Convoy::Leg& leg : convoy.legs) {
      if (leg.from >= 0) {
        parts[rank(group, at(leg.from))][0] += leg.parts;
      }
      if (leg.to >= 0) {
        parts[rank(group, at(leg.to))][1] += leg.parts;
      }
    }
    const int medium = static_cast<int>(convoy.medium);
    for (const auto& [thing, through] : parts) {
      join(label(Relation::kConvoy, phase, convoy.part.si(), medium, through[0], through[1]),
           number,
           thing);
    }
    for (const Convoy::Leg& leg : convoy.legs) {
      if (job_.fabric() == nullptr || convoy.medium != Medium::kNic) {
        break;
      }
      check_switches_do_not_add(job_, leg.from, leg.to);
      const int from = rank(group, at(leg.from));
      const int to = rank(group, at(leg.to));
      send({.label = label(Relation::kConvoyLeg, phase, convoy.part.si(), medium),
            .from = from,
            .to = to,
            .group = number});
      follow(from, to, leg.parts);
    }
  }

  void write_pair(std::size_t group, std::size_t phase, const Delivery& delivery) {
    check(delivery.from >= 0 && delivery.to >= 0, "what a switch adds or copies is a convoy");
    const int from = rank(group, at(delivery.from));
    const int to = rank(group, at(delivery.to));
    const int medium = static_cast<int>(delivery.medium);
    send({.label = label(Relation::kPair, phase, delivery.bytes.si(), medium),
          .from = from,
          .to = to});
    if (job_.fabric() != nullptr && delivery.medium == Medium::kNic) {
      follow(from, to, 1);
    }
  }

  void write_exchange(std::size_t group, std::size_t phase, const Exchange& exchange) {
    const int number = result_.relations.groups++;
    const int medium = static_cast<int>(exchange.medium);
    const int reach = static_cast<int>(exchange.reach);
    const double bytes = exchange.bytes.si();
    for (const int of : exchange.members) {
      join(label(Relation::kExchange, phase, bytes, medium, reach), number, rank(group, at(of)));
    }
    if (exchange.reach == Exchange::Reach::kOtherNodes) {
      write_own_nodes(group, phase, exchange);
    }
    if (job_.fabric() == nullptr || exchange.medium != Medium::kNic) {
      return;
    }
    if (!result_.same_ways) {
      result_.same_ways.emplace(job_.cluster());
    }
    if (result_.same_ways->alike_sending() &&
        on_one_rail(*result_.same_ways, job_.groups()[group].members, exchange)) {
      write_ways_of_switches(group, phase, exchange);
    } else {
      write_ways_of_pairs(group, phase, exchange);
    }
  }

  void write_own_nodes(std::size_t group, std::size_t phase, const Exchange& exchange) {
    std::map<int, int> group_of_node;
    for (const int of : exchange.members) {
      const auto [entry, is_new] = group_of_node.try_emplace(member(job_.groups()[group], of).node,
                                                             result_.relations.groups);
      result_.relations.groups += is_new ? 1 : 0;
      join(label(Relation::kOwnNode, phase, exchange.bytes.si()),
           entry->second,
           rank(group, at(of)));
    }
  }

  static bool left_out(const GroupMovement& moved, const Exchange& exchange, int from, int to) {
    return from == to || (exchange.reach == Exchange::Reach::kOtherNodes &&
                          member(moved, from).node == member(moved, to).node);
  }

  void write_ways_of_pairs(std::size_t group, std::size_t phase, const Exchange& exchange) {
    const GroupMovement& moved = job_.groups()[group];
    const int pair = label(Relation::kPair, phase, exchange.bytes.si());
    for (const int from : exchange.members) {
      for (const int to : exchange.members) {
        if (!left_out(moved, exchange, from, to)) {
          send({.label = pair, .from = rank(group, at(from)), .to = rank(group, at(to))});
          follow(rank(group, at(from)), rank(group, at(to)), 1);
        }
      }
    }
  }

  /// An end of ways: a rank, or all those behind a leaf switch; and one GPU of it.
  struct End {
    int thing = 0;
    int gpu = 0;
    int leaf = 0;
  };

  /// The ends of an exchange, with those behind a switch as things of their own.
  std::vector<End> ends(std::size_t group, const Exchange& exchange, bool alike, int behind) {
    std::vector<End> result;
    std::map<int, std::pair<int, int>> switches;  // thing and group of each
    for (const int of : exchange.members) {
      const int thing = rank(group, at(of));
      const int gpu = member(job_.groups()[group], of).gpu;
      const int leaf = result_.same_ways->sending(gpu);
      if (!alike) {
        result.push_back({.thing = thing, .gpu = gpu, .leaf = leaf});
        continue;
      }
      const auto [entry, is_new] = switches.try_emplace(leaf);
      if (is_new) {
        constexpr std::uint64_t kSwitch = std::uint64_t{1} << 48U;
        entry->second = {add_thing(-1, kSwitch), result_.relations.groups++};
        ports_.insert(ports_.end(), kPortsOfRank, Bandwidth());
        join(behind, entry->second.second, entry->second.first);
        result.push_back({.thing = entry->second.first, .gpu = gpu, .leaf = leaf});
      }
      join(behind, entry->second.second, thing);
      for (const PortSide side : {PortSide::kOut, PortSide::kIn}) {
        ports_[at(port(entry->second.first, Medium::kNic, side))] +=
            ports_[at(port(thing, Medium::kNic, side))];
      }
    }
    return result;
  }

  void write_ways_of_switches(std::size_t group, std::size_t phase, const Exchange& exchange) {
    const bool alike = result_.same_ways->alike_receiving();
    const double bytes = exchange.bytes.si();
    const std::vector<End> from =
        ends(group, exchange, true, label(Relation::kBehindSender, phase, bytes));
    const std::vector<End> to =
        alike ? from : ends(group, exchange, false, label(Relation::kBehindReceiver, phase, bytes));
    const int ways = label(Relation::kSwitchToSwitch, phase, bytes);
    for (const End& sender : from) {
      for (const End& receiver : to) {
        if (sender.leaf != receiver.leaf) {
          send({.label = ways, .from = sender.thing, .to = receiver.thing});
          follow_gpus(sender.gpu, receiver.gpu, 1);
        }
      }
    }
    if (exchange.reach == Exchange::Reach::kOtherNodes) {
      exceptions_.push_back({.group = group, .phase = phase, .exchange = &exchange});
    }
  }

  /// Members of one node behind different switches send each other nothing over the ways of these.
  /// They come last, when it is known which wires can be full.
  void write_ways_left_out() {
    for (const Exception& of : exceptions_) {
      const GroupMovement& moved = job_.groups()[of.group];
      const int label_of = label(Relation::kLeftOut, of.phase, of.exchange->bytes.si());
      std::map<int, std::vector<int>> nodes;
      for (const int number : of.exchange->members) {
        nodes[member(moved, number).node].push_back(number);
      }
      for (const auto& [node, members] : nodes) {
        for (const int from : members) {
          for (const int to : members) {
            const int from_gpu = member(moved, from).gpu;
            const int to_gpu = member(moved, to).gpu;
            if (result_.same_ways->sending(from_gpu) != result_.same_ways->sending(to_gpu)) {
              send({.label = label_of,
                    .from = rank(of.group, at(from)),
                    .to = rank(of.group, at(to))});
              follow_gpus(from_gpu, to_gpu, 1);
            }
          }
        }
      }
    }
  }

  void send(const Sending& sending) {
    result_.relations.sendings.push_back(sending);
    if (job_.fabric() != nullptr &&
        static_cast<std::int64_t>(result_.relations.sendings.size()) > kMostPairs) {
      refuse_so_many_pairs(job_);
    }
  }

  /// The way of the last sending.
  void follow(int from, int to, int times) {
    follow_gpus(job_.gpu(result_.rank[at(from)]), job_.gpu(result_.rank[at(to)]), times);
  }

  void follow_gpus(int from_gpu, int to_gpu, int times) {
    const int sending = static_cast<int>(result_.relations.sendings.size()) - 1;
    const FabricPath& path = job_.fabric()->between(from_gpu, to_gpu);
    for (const WireShare& share : path.shares) {
      result_.relations.crossings.push_back(
          {.sending = sending, .wire = share.wire, .share = share.units * times});
    }
    for (const PortShare& share : path.ports) {
      const int number = job_.rank_of_gpu(share.gpu);
      note_ranks();
      result_.relations.passages.push_back({.sending = sending,
                                            .rank = index_of_[at(number)],
                                            .port = port(0, share.medium, share.side),
                                            .share = share.units * times});
    }
  }

  void write_wires() {
    if (job_.fabric() == nullptr) {
      return;
    }
    std::vector<Bandwidth> capacities;
    capacities.reserve(job_.fabric()->wires().size());
    result_.relations.wires.reserve(capacities.capacity());
    for (const FabricWire& wire : job_.fabric()->wires()) {
      capacities.push_back(wire.capacity);
      result_.relations.wires.push_back(std::bit_cast<std::uint64_t>(wire.capacity.si()));
    }
    result_.can_be_full =
        can_be_full(result_.relations, ports_, capacities, job_.fabric()->units());
  }

  struct Exception {
    std::size_t group = 0;
    std::size_t phase = 0;
    const Exchange* exchange = nullptr;
  };

  MovementJob& job_;
  std::map<int, const GpuFault*> fault_of_;
  std::map<std::pair<double, double>, std::uint64_t> attributes_;
  std::map<std::tuple<int, std::size_t, double, int, int, int>, int> labels_;
  std::vector<int> index_of_;     // (ranks of the job): among the things related
  std::vector<Bandwidth> ports_;  // four of each thing related, see ports.hpp
  std::vector<Exception> exceptions_;
  MovementRelations result_;
};

}  // namespace

void refuse_so_many_pairs(const MovementJob& job) {
  throw InputError(
      job.fabric() == nullptr ? Place() : job.cluster().fabric->place,
      fmt::format("more than {} flows between GPUs, each unlike the others, would be simulated",
                  kMostPairs),
      "fewer --ranks; GPUs are alike without faults, and with a routing that is no hash");
}

void check_number_of_pairs(const MovementJob& job, const MovementPhase& phase) {
  std::int64_t pairs = 0;
  for (const Exchange& exchange : phase.exchanges) {
    const auto members = static_cast<std::int64_t>(exchange.members.size());
    pairs += members * (members - 1);
  }
  if (pairs > kMostPairs) {
    refuse_so_many_pairs(job);
  }
}

void check_switches_do_not_add(const MovementJob& job, int from, int to) {
  if (from < 0 || to < 0) {
    throw InputError(job.cluster().fabric->place,
                     "switches that add are modelled on a non-blocking network only",
                     "leave out --in-network and --algorithm in-network, or "
                     "--set 'cluster.fabric={kind=\"nonblocking\"}'");
  }
}

bool on_one_rail(const SameWays& ways,
                 const std::vector<Member>& members,
                 const Exchange& exchange) {
  const int place = members[at(exchange.members.front())].place;
  return std::ranges::all_of(exchange.members, [&](int number) {
    return ways.on_one_rail(place, members[at(number)].place);
  });
}

MovementRelations movement_relations(MovementJob& job) {
  return RelationWriter(job).write();
}

}  // namespace towtank
