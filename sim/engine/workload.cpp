#include "sim/engine/workload.hpp"

#include <algorithm>

#include "sim/base/error.hpp"
#include "sim/engine/simulate.hpp"

namespace towtank {
namespace {

Seconds cost_segment(const Segment& segment, const Simulation& simulation) {
  const int sms = sms_of_segment(simulation, segment.shares_gpu);
  Seconds time;
  for (const Op& op : segment.ops) {
    time += kernel_estimate(simulation, op, sms).time + simulation.profile->launch;
  }
  return time;
}

WireTraffic cost_traffic(const Traffic& traffic, const Simulation& simulation) {
  WireTraffic wire{.delay = traffic.cost ? traffic.cost->delay : Seconds(), .flows = {}};
  wire.flows.reserve(traffic.flows.size());
  for (const Flow& flow : traffic.flows) {
    if (traffic.cost) {
      wire.flows.push_back(
          flow.bytes / (flow.medium == Medium::kNvlink ? traffic.cost->nvlink : traffic.cost->nic));
      continue;
    }
    const LinkEfficiency& link = simulation.profile->link(traffic.kind, flow.medium);
    const double efficiency = traffic.shares_gpu ? link.shared : link.alone;
    check(efficiency > 0.0 && (flow.copies >= 1 || flow.is_convoy),
          "a flow has copies and moves at some speed");
    wire.delay = std::max(wire.delay, link.start_up + flow.latency);
    wire.flows.push_back(flow.bytes / efficiency);
  }
  return wire;
}

}  // namespace

Estimate kernel_estimate(const Simulation& simulation, const Op& op, int sms) {
  check(simulation.kernels == nullptr || &simulation.kernels->profile() == simulation.profile,
        "the shared kernel times are of the simulation's profile");
  return simulation.kernels == nullptr ? estimate(*simulation.profile, op, sms)
                                       : simulation.kernels->of(op, sms);
}

int sms_of_segment(const Simulation& simulation, bool shares_gpu) {
  return simulation.profile->gpu.sms - (shares_gpu ? simulation.communication_sms : 0);
}

Workload cost_operations(const Simulation& simulation) {
  Workload workload;
  for (const Segment& segment : simulation.graph->segments) {
    workload.segments.push_back(cost_segment(segment, simulation));
  }
  for (const Traffic& traffic : simulation.graph->traffics) {
    workload.traffics.push_back(cost_traffic(traffic, simulation));
  }
  return workload;
}

}  // namespace towtank
