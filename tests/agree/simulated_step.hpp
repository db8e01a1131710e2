// Small training steps with kernel times, to be simulated.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "sim/engine/simulate.hpp"
#include "tests/sim/graph/small_step.hpp"

namespace towtank {

inline Timeline simulate_step(const SmallStep& step,
                              Folding folding,
                              const Profile& profile,
                              int communication_sms) {
  const OpGraph graph = step.lower(folding, profile);
  return simulate(
      Simulation{.graph = &graph, .profile = &profile, .communication_sms = communication_sms});
}

inline Timeline simulate_step(const SmallStep& step, Folding folding = Folding::kFolded) {
  return simulate_step(step, folding, datasheet(), 20);
}

/// A rank's events of one stream in their order. The gradient norm, which one rank notes for all
/// and which takes no time, is left out.
inline std::vector<Event> events_of(const Timeline& timeline, int rank, StreamKind stream) {
  std::vector<Event> events;
  for (const Event& event : timeline.events) {
    const std::string& name = timeline.labels[static_cast<std::size_t>(event.label)].name;
    if (event.rank == rank && event.stream == stream && name != "gradient norm") {
      events.push_back(event);
    }
  }
  return events;
}

}  // namespace towtank
