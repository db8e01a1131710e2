// A collective alone on an idle, non-blocking network takes in the event engine what the closed
// form says.
#include <string>

#include <gtest/gtest.h>

#include "sim/collective/choose.hpp"
#include "tests/sim/collective/costs_maker.hpp"
#include "tests/sim/engine/graph_maker.hpp"

namespace towtank {
namespace {

/// A delivery as a flow: out of one member's port and into another's; to or from a switch, which is
/// never full, through the member's port alone.
Flow flow_of(const Delivery& delivery, Seconds latency) {
  const bool sends = delivery.from >= 0;
  const bool receives = delivery.to >= 0;
  Flow flow{.source = sends ? delivery.from : delivery.to,
            .destination = receives ? delivery.to : delivery.from,
            .medium = delivery.medium,
            .bytes = delivery.bytes,
            .copies = 1,
            .hops = {},
            .latency = latency};
  if (sends) {
    flow.hops.push_back({.wire = port(delivery.from, delivery.medium, PortSide::kOut), .times = 1});
  }
  if (receives) {
    flow.hops.push_back({.wire = port(delivery.to, delivery.medium, PortSide::kIn), .times = 1});
  }
  return flow;
}

/// A communication for each member and phase; the members of a phase begin and end together.
Seconds simulated(const CollectiveCall& call,
                  const Movement& moved,
                  const NetworkCost& cost,
                  const Timing& timing) {
  GraphMaker maker(static_cast<int>(call.members.size()));
  maker.cluster.nvlink.bandwidth = round_speeds().nvlink;
  maker.cluster.nic.bandwidth = round_speeds().nic;
  auto& links = maker.profile.links[static_cast<std::size_t>(TransferKind::kDispatch)];
  links[static_cast<std::size_t>(Medium::kNvlink)].alone = cost.nvlink;
  links[static_cast<std::size_t>(Medium::kNic)].alone = cost.nic;
  std::vector<std::vector<Flow>> ways;
  for (std::size_t phase = 0; phase < moved.phases.size(); ++phase) {
    const PhaseTiming& time = timing.phases[phase];
    const Seconds latency = time.hops + time.fill + (phase == 0 ? timing.start_up : Seconds());
    std::vector<std::vector<Flow>> of_member(call.members.size());
    for (const Delivery& delivery : written_out(moved.phases[phase], call.members)) {
      const Flow flow = flow_of(delivery, latency);
      of_member[static_cast<std::size_t>(flow.source)].push_back(flow);
    }
    for (std::size_t member = 0; member < of_member.size(); ++member) {
      maker.transfer(
          static_cast<int>(member), StreamKind::kData, of_member[member], static_cast<int>(phase));
      ways.push_back(of_member[member]);
    }
  }
  for (std::size_t i = 0; i < ways.size(); ++i) {
    maker.graph.traffics[i].flows = ways[i];
  }
  return maker.run().end;
}

TEST(CollectiveAlone, TakesInTheEngineWhatTheClosedFormSays) {
  int compared = 0;
  for (const auto& members : {even_members(1, 6), even_members(3, 4), even_members(7, 2)}) {
    for (const Collective kind : kCollectives) {
      for (const Algorithm algorithm : kAlgorithms) {
        const CollectiveCall call{.kind = kind, .bytes = 240 * MB, .members = members};
        if (!why_not(algorithm, call).empty()) {
          continue;
        }
        const NetworkCost cost = round_cost(pattern_of(algorithm, kind), Protocol::kSimple);
        const Movement moved = movement(algorithm, call);
        const Timing timing = alone(moved, members, cost, round_speeds());
        const double engine = simulated(call, moved, cost, timing).si();
        EXPECT_NEAR(engine / timing.total().si(), 1.0, 1e-6)
            << name(kind) << " " << name(algorithm) << " of " << members.size();
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 30);
}

}  // namespace
}  // namespace towtank
