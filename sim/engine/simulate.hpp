// Executes an op graph in simulated time on SimGrid.
//
// Every stream of every simulated rank is an actor that takes its operations in order: a segment
// sleeps for its kernels' time, a traffic is a set of flows that share the ranks' ports by max-min
// fairness with everything else under way. Deterministic.
#pragma once

#include <span>
#include <vector>

#include "sim/graph/op_graph.hpp"
#include "sim/profile/kernel_times.hpp"
#include "sim/profile/profile.hpp"
#include "sim/result/timeline.hpp"

namespace towtank {

/// One thing to simulate; the pointed-to objects must outlive the call.
struct Simulation {
  const OpGraph* graph = nullptr;
  const Profile* profile = nullptr;
  const KernelTimes* kernels = nullptr;  // of that profile, shared by several; null: none to share
  int communication_sms = 0;  // SMs that communication kernels hold while they share the GPU
};

/// Runs all simulations, one after the other, each in a worker process of its own (SimGrid allows
/// one engine per process, and so no result depends on what was simulated before it), and returns
/// their timelines in order. Throws BrokenClaim when a graph cannot finish, naming the operations
/// that wait for each other; EnvironmentError when a worker dies.
std::vector<Timeline> simulate(std::span<const Simulation> simulations);

/// One simulation.
Timeline simulate(const Simulation& simulation);

}  // namespace towtank
