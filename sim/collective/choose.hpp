// Which algorithm and protocol a call runs with: what the caller forces, and of the rest the
// fastest, as NCCL's tuner does it.
#pragma once

#include <optional>
#include <string>

#include "sim/collective/algorithms.hpp"
#include "sim/collective/timing.hpp"

namespace towtank {

/// What the caller insists on, and what the machine can do.
struct Wishes {
  std::optional<Algorithm> algorithm = {};
  std::optional<Protocol> protocol = {};
  bool in_switch = true;    // false: no NVLS, as for 8-bit integers or when it is switched off
  bool in_network = false;  // true: the network's switches add (SHARP)
};

struct Choice {
  Algorithm algorithm = Algorithm::kRing;
  Protocol protocol = Protocol::kSimple;
  Movement movement;
  NetworkCost cost;
  Timing timing;
};

/// The choice, or why there is none.
struct Chosen {
  std::optional<Choice> choice;
  std::string why_not;  // empty when there is a choice
};

/// The fastest of what NCCL would consider (all-reduce: ring, double tree, and, where the profile
/// has their costs, in-switch reduction of three or more GPUs of a node, in-switch tree of several
/// nodes, or SHARP; all-to-all and send-recv: direct; otherwise ring), each with every protocol
/// that the profile knows; or of what is forced. Send-recv costs what the profile's point-to-point
/// links do, under Simple alone.
Chosen choose(const CollectiveCall& call,
              const Profile& profile,
              const PortSpeeds& speeds,
              const Wishes& wishes = {});

/// The pattern whose costs an algorithm has in this call.
Pattern pattern_of(Algorithm algorithm, Collective kind);

}  // namespace towtank
