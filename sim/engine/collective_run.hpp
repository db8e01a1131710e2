// Collectives in simulated time: several groups at once, on one cluster with its fabric and faults.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"
#include "sim/collective/timing.hpp"
#include "sim/graph/fabric_wires.hpp"
#include "sim/graph/job_layout.hpp"

namespace towtank {

/// What one group runs, and what its protocol costs.
struct GroupCall {
  std::vector<Member> members;
  Movement movement;
  NetworkCost cost;
};

/// A port or a wire of the fabric that something went through.
struct WireLoad {
  std::string name;  // "nic out", "leaf up", ...
  int gpu = -1;      // whose port it is: the first of those that are alike; -1: of the fabric
  Bytes carried;     // with the protocol's overhead
  Bandwidth capacity;
  std::int64_t members = 1;  // as many ports or wires carry the same
  bool collective = true;    // something besides host copies went through it
  bool host_copies = false;  // host copies did
};

struct CollectiveRun {
  Seconds time;                 // until the last group is done, whatever its members still copy
  Seconds copied;               // until the last host copy is; 0 without any
  Seconds latency;              // of the last group: all but its transfers
  std::vector<WireLoad> wires;  // those that carried something
  std::int64_t ranks = 0;       // GPUs that took part
  std::int64_t classes = 0;     // of them that were simulated
  std::int64_t flows = 0;       // likewise
  double grain = 0.0;           // above 0: executed coarsely, see coarse_execute.hpp
};

/// The wire that was busiest, of those that the collectives went through: nothing else can have
/// limited them more. Null when nothing moved.
const WireLoad* fullest_wire(const CollectiveRun& run);

/// Likewise of the GPUs' ports and shared cards: whatever the switches between them can do, what
/// passes through it takes that long. Null when nothing moved.
const WireLoad* fullest_port(const CollectiveRun& run);

/// Of a wire's capacity over the whole time, start-up and hops included: until the collectives are
/// done, and where host copies go through it, until these are.
double utilisation(const WireLoad& wire, const CollectiveRun& run);

/// All groups begin at once. A phase of a group waits for its hops and fill (and the first for the
/// start-up), as on an idle network of sound links (timing.hpp); then its bytes flow, max-min fair
/// against all others'. Hops are the profile's, which include cables and switches: the fabric's own
/// latencies are not added. All-to-alls on a network that joins rails only go by rails. GPUs' slow
/// kernels slow down no collective. Host copies begin at once and have no start-up. Folded, very
/// many unlike flows are executed coarsely. `fabric` is that of the cluster, null where there is
/// none. Throws as lower_movements().
CollectiveRun run_collectives(const Cluster& cluster,
                              FabricWires* fabric,
                              std::span<const GroupCall> calls,
                              Folding folding = Folding::kFolded);

}  // namespace towtank
