// The SimGrid platform: the wires of an op graph and a route for every way that a flow takes.
//
// Wires have their raw bandwidth and no latency, so that flows share them max-min fairly. A flow
// that takes n shares of a wire is a SimGrid communication whose route lists the wire n times.
#pragma once

#include <map>
#include <vector>

#include <simgrid/s4u.hpp>

#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Where a flow enters and leaves the platform. Hosts belong to SimGrid.
struct Route {
  simgrid::s4u::Host* from = nullptr;
  simgrid::s4u::Host* to = nullptr;
};

/// The wires of a graph and the ways of its flows. At most one per process, after the SimGrid
/// engine and before its run.
class Platform {
 public:
  explicit Platform(const OpGraph& graph);

  /// The route of a flow of the graph.
  Route route(const Flow& flow) const { return routes_.at(flow.hops); }

  /// A host on which actors live.
  simgrid::s4u::Host* home() const { return home_; }

 private:
  simgrid::s4u::Host* home_ = nullptr;
  std::map<std::vector<Hop>, Route> routes_;
};

}  // namespace towtank
