#include "sim/graph/full_wires.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

using Crossing = RankRelations::Crossing;
using Passage = RankRelations::Passage;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// A port, and how much of a sending goes through it.
struct Gate {
  int port = 0;  // as OpGraph::wires has ports
  int share = 0;
};

/// Of each sending the port at one of its ends that most of it goes through.
std::vector<Gate> gates(const RankRelations& relations, PortSide side, int units) {
  std::vector<Gate> result;
  result.reserve(relations.sendings.size());
  const auto end_of = [side](const RankRelations::Sending& sending) {
    return side == PortSide::kOut ? sending.from : sending.to;
  };
  for (const RankRelations::Sending& sending : relations.sendings) {
    result.push_back({.port = port(end_of(sending), Medium::kNic, side), .share = units});
  }
  int last = -1;
  for (const Passage& passage : relations.passages) {
    Gate& gate = result[at(passage.sending)];
    gate.share = passage.sending == last ? gate.share : 0;  // not straight from port to port
    last = passage.sending;
    const bool of_side = passage.port == port(0, Medium::kNic, side) ||
                         passage.port == port(0, Medium::kNvlink, side);
    if (of_side && passage.rank == end_of(relations.sendings[at(passage.sending)]) &&
        passage.share > gate.share) {
      gate = {.port = passage.rank * kPortsOfRank + passage.port, .share = passage.share};
    }
  }
  return result;
}

/// The crossings of the sendings through each port, port by port: positions in `crossings`, and
/// where each port's begin.
struct ByPort {
  std::vector<std::size_t> crossings;
  std::vector<std::size_t> begins;  // (ports + 1)
};

ByPort by_port(const RankRelations& relations, const std::vector<Gate>& gates, std::size_t ports) {
  ByPort result;
  result.begins.assign(ports + 1, 0);
  const auto port_of = [&](const Crossing& crossing) {
    return at(gates[at(crossing.sending)].port);
  };
  for (const Crossing& crossing : relations.crossings) {
    ++result.begins[port_of(crossing) + 1];
  }
  std::partial_sum(result.begins.begin(), result.begins.end(), result.begins.begin());
  result.crossings.resize(relations.crossings.size());
  std::vector<std::size_t> next(result.begins.begin(), result.begins.end() - 1);
  for (std::size_t i = 0; i < relations.crossings.size(); ++i) {
    result.crossings[next[port_of(relations.crossings[i])]++] = i;
  }
  return result;
}

/// The most that the ports at one end of all sendings can put on each wire: a port that carries
/// parts p of flows, of which parts w cross the wire, puts at most the largest w / p of its
/// bandwidth there.
std::vector<double> most_offered(const RankRelations& relations,
                                 PortSide side,
                                 const std::vector<Bandwidth>& ports,
                                 int units) {
  const std::vector<Gate> passed = gates(relations, side, units);
  const ByPort ordered = by_port(relations, passed, ports.size());
  std::vector<double> offered(relations.wires.size(), 0.0);
  std::vector<double> greatest(relations.wires.size(), 0.0);  // part of the port under way
  std::vector<int> touched;
  for (std::size_t port = 0; port < ports.size(); ++port) {
    for (std::size_t i = ordered.begins[port]; i < ordered.begins[port + 1]; ++i) {
      const Crossing& crossing = relations.crossings[ordered.crossings[i]];
      double& part = greatest[at(crossing.wire)];
      if (part == 0.0) {
        touched.push_back(crossing.wire);
      }
      part =
          std::max(part, static_cast<double>(crossing.share) / passed[at(crossing.sending)].share);
    }
    for (const int wire : touched) {
      offered[at(wire)] += ports[port].si() * greatest[at(wire)];
      greatest[at(wire)] = 0.0;
    }
    touched.clear();
  }
  return offered;
}

}  // namespace

std::vector<bool> can_be_full(const RankRelations& relations,
                              const std::vector<Bandwidth>& ports,
                              const std::vector<Bandwidth>& capacities,
                              int units) {
  constexpr double kRounding = 1.0 + 1e-12;
  const std::vector<double> sent = most_offered(relations, PortSide::kOut, ports, units);
  const std::vector<double> received = most_offered(relations, PortSide::kIn, ports, units);
  std::vector<bool> result(capacities.size());
  for (std::size_t wire = 0; wire < capacities.size(); ++wire) {
    result[wire] = std::min(sent[wire], received[wire]) > capacities[wire].si() * kRounding;
  }
  return result;
}

void leave_out(const std::vector<bool>& can_be_full, RankRelations& relations) {
  std::erase_if(relations.crossings, [&can_be_full](const Crossing& crossing) {
    return !can_be_full[at(crossing.wire)];
  });
}

}  // namespace towtank
