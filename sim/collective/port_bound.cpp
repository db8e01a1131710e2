#include "sim/collective/port_bound.hpp"

#include <cstddef>
#include <map>

namespace towtank {
namespace {

/// Payload through the ports of a GPU, per direction.
class Ports {
 public:
  Ports(const NetworkCost& cost, const Cluster& cluster) : cost_(cost), cluster_(cluster) {
    for (const GpuFault& fault : cluster.faults) {
      fault_of_[fault.gpu] = &fault;
    }
  }

  Bandwidth speed(int gpu, Medium medium) const {
    const auto found = fault_of_.find(gpu);
    const GpuFault fault = found == fault_of_.end() ? GpuFault() : *found->second;
    return medium == Medium::kNvlink ? cluster_.nvlink.bandwidth * (fault.nvlink * cost_.nvlink)
                                     : cluster_.nic.bandwidth * (fault.nic * cost_.nic);
  }

 private:
  const NetworkCost& cost_;
  const Cluster& cluster_;
  std::map<int, const GpuFault*> fault_of_;
};

}  // namespace

FullestPort fullest_port(const MovementPhase& phase,
                         const std::vector<Member>& members,
                         const NetworkCost& cost,
                         const Cluster& cluster) {
  const Ports ports(cost, cluster);
  const std::vector<PortLoad> loads = port_loads(phase, members);
  FullestPort fullest;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    const int gpu = members[i].gpu;
    const auto consider = [&](Medium medium, bool out, Bytes bytes) {
      if (bytes <= Bytes()) {
        return;
      }
      const Seconds time = bytes / ports.speed(gpu, medium);
      if (time > fullest.time) {
        fullest = {.gpu = gpu, .medium = medium, .out = out, .bytes = bytes, .time = time};
      }
    };
    consider(Medium::kNvlink, true, loads[i].nvlink_out);
    consider(Medium::kNvlink, false, loads[i].nvlink_in);
    consider(Medium::kNic, true, loads[i].nic_out);
    consider(Medium::kNic, false, loads[i].nic_in);
  }
  return fullest;
}

Seconds port_bound(const Movement& movement,
                   const std::vector<Member>& members,
                   const NetworkCost& cost,
                   const Cluster& cluster) {
  Seconds sum;
  for (const MovementPhase& phase : movement.phases) {
    sum += fullest_port(phase, members, cost, cluster).time;
  }
  return sum;
}

}  // namespace towtank
