// The times and wire loads of an op graph: what its operations cost on one cluster, with one
// profile, before anything contends.
#pragma once

#include <vector>

#include "sim/base/units.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {

struct Simulation;

/// A traffic as the wires see it: nothing moves for `delay`, then all flows start.
struct WireTraffic {
  Seconds delay;
  std::vector<Bytes> flows;  // (flows of the traffic): one copy of each, protocol overhead included
};

/// Indices are those of the graph's segments and traffics.
struct Workload {
  std::vector<Seconds> segments;
  std::vector<WireTraffic> traffics;
};

/// SMs that a segment's kernels have: all of the GPU's, or those that communication leaves.
int sms_of_segment(const Simulation& simulation, bool shares_gpu);

/// Time of a kernel, from the shared answers where there are any.
Estimate kernel_estimate(const Simulation& simulation, const Op& op, int sms);

/// Segments last the sum of their kernels' estimates and launches, on a sound GPU. Flows carry
/// payload over efficiency; the delay is the largest start-up plus latency of a traffic's flows, or
/// what its collective costs.
Workload cost_operations(const Simulation& simulation);

}  // namespace towtank
