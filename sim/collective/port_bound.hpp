// What no network can beat: every byte leaves and enters by some port.
#pragma once

#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"
#include "sim/profile/network_costs.hpp"

namespace towtank {

/// The port of a phase that takes longest to carry its load, with what faults leave of it.
struct FullestPort {
  int gpu = -1;  // -1: nothing moves
  Medium medium = Medium::kNic;
  bool out = true;
  Bytes bytes;  // payload
  Seconds time;
};

FullestPort fullest_port(const MovementPhase& phase,
                         const std::vector<Member>& members,
                         const NetworkCost& cost,
                         const Cluster& cluster);

/// Least time of a movement's transfers: its phases' fullest ports, one after another.
Seconds port_bound(const Movement& movement,
                   const std::vector<Member>& members,
                   const NetworkCost& cost,
                   const Cluster& cluster);

}  // namespace towtank
