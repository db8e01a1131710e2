// A GPU's costs with round numbers, for tests that compute times by hand.
#pragma once

#include "sim/collective/timing.hpp"

namespace towtank {

inline PortSpeeds round_speeds() {
  return {.nvlink = 400 * GB / second, .nic = 50 * GB / second};
}

inline NetworkCost round_cost(Pattern pattern, Protocol protocol) {
  return {.pattern = pattern,
          .protocol = protocol,
          .start_up = 10 * microsecond,
          .nvlink_hop = 1 * microsecond,
          .nic_hop = 5 * microsecond,
          .nvlink = 0.8,
          .nic = 0.9,
          .error = 0.1,
          .source = "round"};
}

/// Every pattern under every protocol; in-switch under Simple alone.
inline Profile round_profile() {
  Profile profile;
  profile.gpu.name = "round";
  for (const Pattern pattern : kPatterns) {
    for (const Protocol protocol : kProtocols) {
      const bool in_switch = pattern == Pattern::kInSwitch || pattern == Pattern::kInSwitchTree;
      if (!in_switch || protocol == Protocol::kSimple) {
        profile.network.push_back(round_cost(pattern, protocol));
      }
    }
  }
  return profile;
}

}  // namespace towtank
