// Executes an op graph in simulated time.
//
// Every stream of every simulated rank takes its operations in order: a segment lasts as long as
// its kernels, a traffic is a set of flows that share the wires by max-min fairness with everything
// else under way. Deterministic.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "sim/graph/op_graph.hpp"
#include "sim/profile/kernel_times.hpp"
#include "sim/profile/profile.hpp"
#include "sim/result/timeline.hpp"

namespace towtank {

/// Who executes: Towtank's own event engine, or SimGrid, which takes 3 to 30 times as long and is
/// there so that anybody can check.
enum class Engine { kTowtank, kSimGrid };

inline constexpr std::array<std::string_view, 2> kEngineNames = {"towtank", "simgrid"};

/// One thing to simulate; the pointed-to objects must outlive the call.
struct Simulation {
  const OpGraph* graph = nullptr;
  const Profile* profile = nullptr;
  const KernelTimes* kernels = nullptr;  // of that profile, shared by several; null: none to share
  int communication_sms = 0;  // SMs that communication kernels hold while they share the GPU
  Engine engine = Engine::kTowtank;
};

/// Runs all simulations, one after the other, and returns their timelines in order. Throws
/// BrokenClaim when a graph cannot finish, naming the operations that wait for each other.
std::vector<Timeline> simulate(std::span<const Simulation> simulations);

/// One simulation.
Timeline simulate(const Simulation& simulation);

}  // namespace towtank
