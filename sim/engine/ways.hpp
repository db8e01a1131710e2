// The flows of a graph's traffics as ways over its wires.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/engine/fair_share.hpp"
#include "sim/engine/workload.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

struct WireFlow {
  int way = 0;
  double bytes = 0.0;  // above 0
};

/// What each traffic of the graph sends, and the different ways that it all takes.
struct WireFlows {
  Ways ways;
  std::vector<WireFlow> flows;     // traffic by traffic; those of no bytes are left out
  std::vector<std::size_t> first;  // (traffics + 1): into flows

  std::span<const WireFlow> of(std::size_t traffic) const {
    return std::span(flows).subspan(first[traffic], first[traffic + 1] - first[traffic]);
  }
};

/// A flow that fills no wire is a BrokenClaim.
WireFlows wire_flows(const OpGraph& graph, const Workload& workload);

/// (wires): bytes per second.
std::vector<double> capacities(const OpGraph& graph);

}  // namespace towtank
