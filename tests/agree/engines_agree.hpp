// One step on both engines, event by event.
#pragma once

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "sim/engine/execute.hpp"
#include "sim/engine/simgrid/execute.hpp"
#include "tests/agree/simulated_step.hpp"

namespace towtank {

/// Of a step: what SimGrid merges as simultaneous (a picosecond), and rounding of sums.
inline constexpr double kEngineTolerance = 1e-9;

/// Flows of whole bytes, since SimGrid counts them.
inline Workload in_whole_bytes(Workload workload) {
  for (WireTraffic& traffic : workload.traffics) {
    for (Bytes& bytes : traffic.flows) {
      bytes = Bytes(std::round(bytes.si()));
    }
  }
  return workload;
}

/// Start and end of each operation.
inline std::vector<Completion> by_vertex(const Execution& execution) {
  std::vector<Completion> result(execution.completions.size());
  for (const Completion& completion : execution.completions) {
    result.at(static_cast<std::size_t>(completion.vertex)) = completion;
  }
  return result;
}

inline void expect_engines_agree(const SmallStep& step, Folding folding) {
  const OpGraph graph = step.lower(folding);
  const Profile profile = datasheet_profile();
  const Workload workload = in_whole_bytes(
      cost_operations(Simulation{.graph = &graph, .profile = &profile, .communication_sms = 20}));
  const Execution own = execute(graph, workload);
  const Execution simgrid = execute_on_simgrid(graph, workload);
  EXPECT_EQ(own.activities, simgrid.activities);
  const std::vector<Completion> ours = by_vertex(own);
  const std::vector<Completion> theirs = by_vertex(simgrid);
  const double end = own.completions.back().end;
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t vertex = 0; vertex < ours.size(); ++vertex) {
    ASSERT_NEAR(ours[vertex].start, theirs[vertex].start, kEngineTolerance * end) << step.text();
    ASSERT_NEAR(ours[vertex].end, theirs[vertex].end, kEngineTolerance * end) << step.text();
  }
  for (std::size_t wire = 0; wire < graph.wires.size(); ++wire) {
    EXPECT_NEAR(own.carried[wire], simgrid.carried[wire], 1e-9 * simgrid.carried[wire])
        << graph.wires[wire].name;
  }
}

}  // namespace towtank
