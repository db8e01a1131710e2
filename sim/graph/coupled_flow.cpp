#include "sim/graph/coupled_flow.hpp"

#include <cstddef>
#include <cstdint>
#include <map>

#include "sim/base/error.hpp"
#include "sim/graph/group_ways.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

/// Members of each class.
std::map<int, std::int64_t> members_of_classes(const JobLayout& job,
                                               const std::vector<int>& group) {
  std::map<int, std::int64_t> members;
  for (const int rank : group) {
    ++members[job.classes.ranks.class_of[static_cast<std::size_t>(rank)]];
  }
  return members;
}

}  // namespace

std::vector<Hop> coupled_hops(const JobLayout& job,
                              const OpGraph& graph,
                              const FabricHops& fabric,
                              const std::vector<int>& group,
                              Medium medium,
                              int copies) {
  const std::map<int, std::int64_t> members = members_of_classes(job, group);
  std::int64_t groups = 0;  // such groups in the job
  for (const auto& [of_class, count] : members) {
    const std::int64_t all = graph.ranks[static_cast<std::size_t>(of_class)].members;
    check(all % count == 0 && (groups == 0 || all / count == groups),
          "groups of one kind have equally many members of each class");
    groups = all / count;
  }
  std::vector<Hop> hops;
  if (medium == Medium::kNvlink || job.fabric == nullptr) {
    for (const auto& [of_class, count] : members) {
      for (const PortSide side : {PortSide::kOut, PortSide::kIn}) {
        const int wire = port(of_class, medium, side);
        hops.push_back(
            {.wire = wire, .times = copies * graph.wires[static_cast<std::size_t>(wire)].parts});
      }
    }
    return hops;
  }
  std::map<int, std::int64_t> units;  // of wires, the ports of the ring's neighbours among them
  for_each_way(GroupLayout(job.mesh, group), true, [&](int from, int to) {
    for (const WireShare& share : fabric.way(from, to)) {
      units[share.wire] += std::int64_t{share.units} * copies;
    }
  });
  for (const auto& [wire, of_one_group] : units) {
    const std::int64_t wires = graph.wires[static_cast<std::size_t>(wire)].members;
    hops.push_back({.wire = wire, .times = shares_of_one_wire(groups * of_one_group, wires)});
  }
  return hops;
}

}  // namespace towtank
