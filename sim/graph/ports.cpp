#include "sim/graph/ports.hpp"

#include <cstddef>
#include <map>
#include <string>

#include "sim/base/error.hpp"

namespace towtank {

int port(int rank, Medium medium, PortSide side) {
  return rank * kPortsOfRank + 2 * static_cast<int>(medium) + static_cast<int>(side);
}

void add_ports(const Cluster& cluster, OpGraph& graph) {
  check(graph.wires.empty(), "a graph's ports come first among its wires");
  graph.wires.reserve(graph.ranks.size() * kPortsOfRank);
  std::map<int, const GpuFault*> fault_of;
  for (const GpuFault& fault : cluster.faults) {
    fault_of[fault.gpu] = &fault;
  }
  for (std::size_t rank = 0; rank < graph.ranks.size(); ++rank) {
    const auto found = fault_of.find(graph.ranks[rank].rank);
    const GpuFault fault = found == fault_of.end() ? GpuFault() : *found->second;
    graph.ranks[rank].slowdown = fault.slowdown;
    for (const Medium medium : {Medium::kNvlink, Medium::kNic}) {
      const GpuLink& link = medium == Medium::kNvlink ? cluster.nvlink : cluster.nic;
      const double left = medium == Medium::kNvlink ? fault.nvlink : fault.nic;
      for (const PortSide side : {PortSide::kOut, PortSide::kIn}) {
        graph.wires.push_back(
            {.name = std::string(name(medium)) + (side == PortSide::kOut ? " out" : " in"),
             .medium = medium,
             .rank = static_cast<int>(rank),
             .capacity = link.bandwidth * left,
             .members = graph.ranks[rank].members});
      }
    }
  }
}

std::vector<Hop> port_hops(
    const OpGraph& graph, int source, int destination, Medium medium, int copies) {
  const std::int64_t sent = graph.ranks[static_cast<std::size_t>(source)].members * copies;
  const std::int64_t receivers = graph.ranks[static_cast<std::size_t>(destination)].members;
  check(sent % receivers == 0, "ranks of one class receive equally many flows of another");
  const int out = port(source, medium, PortSide::kOut);
  const int in = port(destination, medium, PortSide::kIn);
  const auto parts = [&graph](int wire) {
    return graph.wires[static_cast<std::size_t>(wire)].parts;
  };
  return {{.wire = out, .times = copies * parts(out)},
          {.wire = in, .times = static_cast<int>(sent / receivers) * parts(in)}};
}

}  // namespace towtank
