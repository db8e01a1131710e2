// A collective alone on an idle, non-blocking network takes in the event engine what the closed
// form says.
#include <string>

#include <gtest/gtest.h>

#include "tests/agree/small_collective.hpp"

namespace towtank {
namespace {

void expect_closed_form(const Cluster& cluster, const CollectiveCall& call, int& compared) {
  for (const Algorithm algorithm : kAlgorithms) {
    if (!why_not(algorithm, call).empty()) {
      continue;
    }
    const GroupCall group = round_call(algorithm, call);
    const Timing timing = alone(group.movement, call.members, group.cost, round_speeds());
    const CollectiveRun run = run_on(cluster, {group});
    EXPECT_NEAR(run.time / timing.total(), 1.0, 1e-6)
        << name(call.kind) << " " << name(algorithm) << " of " << call.members.size();
    EXPECT_NEAR(run.latency / timing.latency(), 1.0, 1e-9);
    ++compared;
  }
}

TEST(CollectiveAlone, TakesInTheEngineWhatTheClosedFormSays) {
  int compared = 0;
  for (const auto& [nodes, gpus] : {std::pair(1, 6), std::pair(3, 4), std::pair(7, 2)}) {
    const Cluster cluster = round_cluster(nodes, gpus);
    for (const Collective kind : kCollectives) {
      expect_closed_form(cluster,
                         {.kind = kind, .bytes = 240 * MB, .members = even_members(nodes, gpus)},
                         compared);
    }
  }
  EXPECT_GE(compared, 30);
}

// Whatever the last node lacks, and wherever a group begins.
TEST(CollectiveAlone, TakesTheSameOnRaggedNodes) {
  int compared = 0;
  const Cluster cluster = round_cluster(5, 8);
  for (int count = 2; count <= 38; count += 3) {
    for (const int first : {0, 1}) {
      for (const Collective kind : kCollectives) {
        expect_closed_form(
            cluster,
            {.kind = kind, .bytes = 77 * MB, .members = members_from(cluster, first, count, 1)},
            compared);
      }
    }
  }
  EXPECT_GE(compared, 200);
}

// A described network that can carry everything changes nothing.
TEST(CollectiveAlone, TakesTheSameOnAFullFatTree) {
  int compared = 0;
  for (const RoutingRule routing : {RoutingRule::kAdaptive}) {
    Cluster cluster = round_cluster(8, 4);
    cluster.fabric = FabricSpec{.kind = FabricKind::kFatTree, .radix = 8, .routing = routing};
    for (const Collective kind : kCollectives) {
      CollectiveCall call{.kind = kind, .bytes = 240 * MB, .members = even_members(8, 4)};
      if (kind == Collective::kSendRecv) {
        call.members = {call.members.front(), call.members.back()};
      }
      for (const Algorithm algorithm : kAlgorithms) {
        if (!why_not(algorithm, call).empty()) {
          continue;
        }
        const GroupCall group = round_call(algorithm, call);
        const Timing timing = alone(group.movement, call.members, group.cost, round_speeds());
        EXPECT_NEAR(run_on(cluster, {group}).time / timing.total(), 1.0, 1e-6)
            << name(kind) << " " << name(algorithm);
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 15);
}

}  // namespace
}  // namespace towtank
