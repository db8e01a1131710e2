// The SimGrid platform: the ports of the simulated ranks and the routes between them.
//
// Each rank owns four links, NVLink out and in and NIC out and in, with the cluster's raw bandwidth
// and no latency, so that flows share them max-min fairly. The switches between are non-blocking
// and have no link. A flow of n copies is one SimGrid communication whose route lists both its
// links n times, which makes it take n shares of them.
#pragma once

#include <map>
#include <span>
#include <tuple>
#include <vector>

#include <simgrid/s4u.hpp>

#include "sim/cluster/cluster.hpp"
#include "sim/engine/workload.hpp"

namespace towtank {

/// Where a flow enters and leaves the platform. Hosts belong to SimGrid.
struct Route {
  simgrid::s4u::Host* from = nullptr;
  simgrid::s4u::Host* to = nullptr;
};

/// The ports of ranks 0 to ranks - 1 and a route for every flow of the given traffics. At most one
/// per process, after the SimGrid engine and before its run.
class Ports {
 public:
  Ports(int ranks, const Cluster& cluster, std::span<const WireTraffic> traffics);

  /// The route of a flow of the traffics given at construction.
  Route route(const WireFlow& flow) const;

  /// The host on which a rank's actors live.
  simgrid::s4u::Host* home(int rank) const { return in_hosts_[static_cast<std::size_t>(rank)]; }

 private:
  /// A rank sends from one host per medium and number of copies, and receives at one: SimGrid knows
  /// one route from host to host.
  using Sender = std::tuple<int, Medium, int>;  // rank, medium, copies

  simgrid::s4u::NetZone* zone_ = nullptr;
  std::vector<simgrid::s4u::Host*> in_hosts_;
  std::map<Sender, simgrid::s4u::Host*> out_hosts_;
};

}  // namespace towtank
