// Towtank's own engine and SimGrid execute the same training steps alike, event by event.
#include <gtest/gtest.h>

#include "tests/agree/engines_agree.hpp"

namespace towtank {
namespace {

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
