#include "sim/engine/workload.hpp"

#include <algorithm>
#include <cstdint>
#include <variant>

#include "sim/base/error.hpp"
#include "sim/engine/simulate.hpp"

namespace towtank {
namespace {

/// Time amid a run over the time alone.
double slowdown(const SoftwareStack& stack, const Op& op) {
  const bool attention =
      op.kind == OpKind::kAttentionForward || op.kind == OpKind::kAttentionBackward;
  const bool quantized = shape_form(op.kind) == ShapeForm::kGemm &&
                         op.precision != Precision::kBf16 && op.precision != Precision::kFp32;
  return (is_compute_bound_kind(op.kind) ? stack.compute_slowdown : stack.memory_slowdown) *
         (attention ? stack.attention_slowdown : 1.0) *
         (quantized ? stack.quantized_slowdown : 1.0);
}

/// Kernels that the CPU starts for an op.
double kernels_of(const SoftwareStack& stack, const Op& op) {
  const auto* gemm = std::get_if<GemmShape>(&op.shape);
  return stack.launches_each_expert && gemm != nullptr && op.kind != OpKind::kBatchedGemm
             ? static_cast<double>(std::max<std::int64_t>(gemm->groups, 1))
             : 1.0;
}

/// As long as its kernels take, or the CPU to start them, which goes on while they run.
Seconds cost_segment(const Segment& segment, const Simulation& simulation) {
  const int sms = sms_of_segment(simulation, segment.shares_gpu);
  const SoftwareStack& stack = simulation.graph->stack;
  Seconds kernels;
  Seconds starts;
  for (const Op& op : segment.ops) {
    kernels += slowdown(stack, op) * kernel_estimate(simulation, op, sms).time +
               simulation.profile->launch;
    starts += kernels_of(stack, op) * stack.launch;
  }
  return segment.fixed + std::max(kernels, starts);
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
