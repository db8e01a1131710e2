#include "sim/collective/timing.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace towtank {
namespace {

PhaseTiming phase_timing(const MovementPhase& phase,
                         const std::vector<Member>& members,
                         const NetworkCost& cost,
                         const PortSpeeds& speeds) {
  const FullestPorts ports = fullest_ports(phase, members);
  const Seconds stages = cost.nvlink_hop * static_cast<double>(phase.hops.nvlink);
  PhaseTiming time{.hops = stages + cost.nic_hop * static_cast<double>(phase.hops.nic)};
  if (ports.nvlink > Bytes{}) {
    time.nvlink = ports.nvlink / (speeds.nvlink * cost.nvlink);
  }
  if (ports.nic > Bytes{}) {
    time.nic = ports.nic / (speeds.nic * cost.nic);
  }
  if (speeds.gpus_per_card > 1) {
    const Bytes most = fullest_card(phase, members, speeds.gpus_per_card);
    time.nic = std::max(time.nic, most / (speeds.card * cost.nic));
  }
  if (cost.protocol == Protocol::kSimple) {
    const Seconds pipelined =
        time.nvlink + Seconds(2.0 * std::sqrt(stages.si() * time.nvlink.si()));
    time.fill = std::max(pipelined, time.transfer()) - time.transfer();
  }
  return time;
}

bool uses_network(const MovementPhase& phase) {
  const auto by_nic = [](const auto& part) { return part.medium == Medium::kNic; };
  return std::ranges::any_of(phase.deliveries, by_nic) ||
         std::ranges::any_of(phase.exchanges, by_nic);
}

}  // namespace

std::string_view name(Limit limit) {
  constexpr std::array<std::string_view, 3> kNames = {"NVLink", "NIC", "latency"};
  return kNames[static_cast<std::size_t>(limit)];
}

Seconds Timing::total() const {
  Seconds sum = start_up;
  for (const PhaseTiming& phase : phases) {
    sum += phase.total();
  }
  return sum;
}

Seconds Timing::latency() const {
  Seconds sum = start_up;
  for (const PhaseTiming& phase : phases) {
    sum += phase.hops + phase.fill;
  }
  return sum;
}

Limit Timing::limit() const {
  Seconds nvlink;
  Seconds nic;
  for (const PhaseTiming& phase : phases) {
    (phase.nic > phase.nvlink ? nic : nvlink) += phase.transfer();
  }
  if (latency() > nvlink + nic) {
    return Limit::kLatency;
  }
  return nic > nvlink ? Limit::kNic : Limit::kNvlink;
}

Timing alone(const Movement& movement,
             const std::vector<Member>& members,
             const NetworkCost& cost,
             const PortSpeeds& speeds) {
  Timing timing{.start_up = cost.start_up, .phases = {}};
  if (std::ranges::any_of(movement.phases, uses_network)) {
    timing.start_up += cost.nic_start_up;
  }
  timing.phases.reserve(movement.phases.size());
  for (const MovementPhase& phase : movement.phases) {
    timing.phases.push_back(phase_timing(phase, members, cost, speeds));
  }
  return timing;
}

NetworkCost link_cost(const Profile& profile, TransferKind kind, bool crosses_network) {
  const LinkEfficiency& nvlink = profile.link(kind, Medium::kNvlink);
  const LinkEfficiency& nic = profile.link(kind, Medium::kNic);
  const LinkEfficiency& last = crosses_network ? nic : nvlink;
  return {.start_up = last.start_up,
          .nvlink = nvlink.alone,
          .nic = nic.alone,
          .error = last.error,
          .source = last.source};
}

}  // namespace towtank
