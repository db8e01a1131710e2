#include "sim/engine/ways.hpp"

#include <algorithm>
#include <unordered_map>

#include <boost/container_hash/hash.hpp>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// Numbers equal lists of hops alike.
class WayNumbers {
 public:
  explicit WayNumbers(Ways& ways) : ways_(ways) {}

  int number(const std::vector<Ways::Hop>& hops) {
    std::size_t hash = hops.size();
    for (const Ways::Hop& hop : hops) {
      boost::hash_combine(hash, hop.wire);
      boost::hash_combine(hash, hop.times);
    }
    const auto [begin, end] = known_.equal_range(hash);
    for (auto entry = begin; entry != end; ++entry) {
      if (std::ranges::equal(ways_.of(static_cast<std::size_t>(entry->second)), hops)) {
        return entry->second;
      }
    }
    const auto number = static_cast<int>(ways_.count());
    ways_.hops.insert(ways_.hops.end(), hops.begin(), hops.end());
    ways_.first.push_back(ways_.hops.size());
    known_.emplace(hash, number);
    return number;
  }

 private:
  Ways& ways_;
  std::unordered_multimap<std::size_t, int> known_;  // by hash
};

}  // namespace

WireFlows wire_flows(const OpGraph& graph, const Workload& workload) {
  WireFlows result;
  WayNumbers ways(result.ways);
  std::vector<Ways::Hop> hops;
  result.first.reserve(graph.traffics.size() + 1);
  result.first.push_back(0);
  for (std::size_t traffic = 0; traffic < graph.traffics.size(); ++traffic) {
    const std::vector<Flow>& flows = graph.traffics[traffic].flows;
    for (std::size_t flow = 0; flow < flows.size(); ++flow) {
      const double bytes = workload.traffics[traffic].flows[flow].si();
      check(!flows[flow].hops.empty(), "a flow fills some wire");
      if (bytes > 0.0) {
        const double payload = flows[flow].bytes.si() / bytes;
        hops.clear();
        for (const Hop& hop : flows[flow].hops) {
          const Wire& wire = graph.wires[static_cast<std::size_t>(hop.wire)];
          hops.push_back({.wire = hop.wire, .times = hop.times * (wire.payload ? payload : 1.0)});
        }
        result.flows.push_back({.way = ways.number(hops), .bytes = bytes});
      }
    }
    result.first.push_back(result.flows.size());
  }
  return result;
}

std::vector<double> capacities(const OpGraph& graph) {
  std::vector<double> result;
  result.reserve(graph.wires.size());
  for (const Wire& wire : graph.wires) {
    result.push_back(wire.capacity.si());
  }
  return result;
}

}  // namespace towtank
