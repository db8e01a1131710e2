// Which links a step keeps busy: the ports of the GPUs, and the wires of the fabric that can be
// full.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/result/critical_path.hpp"
#include "sim/result/timeline.hpp"

namespace towtank {

/// All links of one kind: the ports of a medium, or the fabric's wires of one name. A direction
/// counts as a link. Utilisation is the mean over the step, of raw bandwidth.
struct BusyLinks {
  std::string name;          // "nvlink", "nic", "leaf up", ...
  LinkUse busiest;           // one of them
  double utilisation = 0.0;  // of the busiest
  double mean = 0.0;         // of all
  std::int64_t links = 0;    // there are
  std::int64_t as_busy = 0;  // of them, as busy as the busiest
  Seconds limits = {};       // time on the critical path that is due to them
};

/// The kinds of links of a step, ports by medium and then wires of the fabric, the busiest first.
/// `critical` is the step's critical path.
std::vector<BusyLinks> busy_links(const Timeline& timeline,
                                  const std::vector<CriticalShare>& critical);

}  // namespace towtank
