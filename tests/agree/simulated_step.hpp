// Small training steps with kernel times, to be simulated.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "sim/engine/simulate.hpp"
#include "tests/sim/graph/small_step.hpp"

namespace towtank {

/// A GPU of which nothing was measured: every kernel takes its datasheet's time. Links start late
/// and carry less while the GPU computes.
inline Profile datasheet_profile() {
  Profile profile;
  profile.gpu = {.name = "test",
                 .sms = 132,
                 .bf16_peak = 989 * TFLOP / second,
                 .fp8_peak = 1979 * TFLOP / second,
                 .memory_bandwidth = 3.35 * TB / second,
                 .memory = 80 * GiB};
  profile.fallback.source = "test";
  profile.launch = 2.0 * microsecond;
  for (auto& of_kind : profile.links) {
    for (LinkEfficiency& link : of_kind) {
      link.alone = 0.9;
      link.shared = 0.8;
      link.start_up = 5.0 * microsecond;
    }
  }
  return profile;
}

inline Timeline simulate_step(const SmallStep& step,
                              Folding folding,
                              const Profile& profile,
                              int communication_sms) {
  const OpGraph graph = step.lower(folding);
  return simulate(
      Simulation{.graph = &graph, .profile = &profile, .communication_sms = communication_sms});
}

inline Timeline simulate_step(const SmallStep& step, Folding folding = Folding::kFolded) {
  return simulate_step(step, folding, datasheet_profile(), 20);
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
