// Towtank's own engine and SimGrid execute the same training steps alike, event by event.
#include <cmath>

#include <gtest/gtest.h>

#include "sim/engine/execute.hpp"
#include "sim/engine/simgrid/execute.hpp"
#include "tests/agree/simulated_step.hpp"

namespace towtank {
namespace {

/// Of a step: what SimGrid merges as simultaneous (a picosecond), and rounding of sums.
constexpr double kTolerance = 1e-9;

/// Flows of whole bytes, since SimGrid counts them.
Workload in_whole_bytes(Workload workload) {
  for (WireTraffic& traffic : workload.traffics) {
    for (Bytes& bytes : traffic.flows) {
      bytes = Bytes(std::round(bytes.si()));
    }
  }
  return workload;
}

/// Start and end of each operation.
std::vector<Completion> by_vertex(const Execution& execution) {
  std::vector<Completion> result(execution.completions.size());
  for (const Completion& completion : execution.completions) {
    result.at(static_cast<std::size_t>(completion.vertex)) = completion;
  }
  return result;
}

void expect_engines_agree(const SmallStep& step, Folding folding) {
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
    ASSERT_NEAR(ours[vertex].start, theirs[vertex].start, kTolerance * end) << step.text();
    ASSERT_NEAR(ours[vertex].end, theirs[vertex].end, kTolerance * end) << step.text();
  }
  for (std::size_t wire = 0; wire < graph.wires.size(); ++wire) {
    EXPECT_NEAR(own.carried[wire], simgrid.carried[wire], 1e-9 * simgrid.carried[wire])
        << graph.wires[wire].name;
  }
}

TEST(Engines, AgreeOnStepsOfEverySchedule) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    const SmallStep step = small_step(kind, {.pipeline = 4, .data = 4, .expert = 4});
    expect_engines_agree(step, Folding::kFolded);
    expect_engines_agree(step, Folding::kUnfolded);
  }
}

TEST(Engines, AgreeWhereGpusAndCardsDiffer) {
  SmallStep step = small_step(ScheduleKind::kDualPipe, {.pipeline = 2, .data = 8, .expert = 8});
  step.cluster.faults = {{.gpu = 3, .slowdown = 1.2, .nvlink = 1.0, .nic = 0.5},
                         {.gpu = 9, .slowdown = 1.0, .nvlink = 0.5, .nic = 1.0}};
  expect_engines_agree(step, Folding::kFolded);
  expect_engines_agree(step, Folding::kUnfolded);
}

void expect_agreement_on(const FabricSpec& fabric) {
  SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .expert = 8});
  step.cluster.fabric = fabric;
  expect_engines_agree(step, Folding::kFolded);
  expect_engines_agree(step, Folding::kUnfolded);
}

FabricSpec crowded(FabricKind kind, RoutingRule routing) {
  FabricSpec fabric;
  fabric.kind = kind;
  fabric.tiers = 2;
  fabric.radix = 8;
  fabric.oversubscription = {3.0};
  fabric.routing = routing;
  return fabric;
}

TEST(Engines, AgreeOnCrowdedTreesOfEveryRouting) {
  for (const RoutingRule routing :
       {RoutingRule::kShortest, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kAdaptive}) {
    expect_agreement_on(crowded(FabricKind::kFatTree, routing));
  }
}

TEST(Engines, AgreeWhereGpusShareCardsOrHaveTwo) {
  FabricSpec shared = crowded(FabricKind::kFatTree, RoutingRule::kDModK);
  shared.gpus_per_nic = 2;
  expect_agreement_on(shared);
  FabricSpec two = crowded(FabricKind::kFatTree, RoutingRule::kDModK);
  two.radix = 16;
  two.nics_per_gpu = 2;
  expect_agreement_on(two);
}

TEST(Engines, AgreeWhereTrafficChangesRailInsideANode) {
  FabricSpec planes = crowded(FabricKind::kMultiPlane, RoutingRule::kAdaptive);
  planes.planes = 2;
  planes.cross_rail = CrossRail::kNvlinkLast;
  expect_agreement_on(planes);
}

}  // namespace
}  // namespace towtank
