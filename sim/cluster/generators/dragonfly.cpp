// Dragonfly (Kim, Dally, Scott, Abts, "Technology-driven, highly-scalable dragonfly topology",
// 2008): groups of `a` fully connected switches; `h` links of each switch go to other groups.
//
// Global port j of a group (j = 0 .. a h - 1, on switch j / h) leads to the group that many further
// round the ring of groups as its offset says. Offsets are dealt out in pairs d, g - d, so that the
// far end of every link is a port of the opposite offset.
#include <algorithm>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"
#include "sim/cluster/generators/network.hpp"

namespace towtank {
namespace {

/// The offsets of a group's global ports: every other group as often as the next, as far as the
/// ports go, neighbours on the ring first.
std::vector<int> global_offsets(int ports, int groups) {
  std::vector<int> offsets;
  const int rounds = groups > 1 ? ports / (groups - 1) : 0;
  for (int round = 0; round < rounds; ++round) {
    for (int offset = 1; offset < groups; ++offset) {
      offsets.push_back(offset);
    }
  }
  int left = ports - rounds * (groups - 1);
  for (int offset = 1; groups > 1 && left > 0 && 2 * offset <= groups; ++offset) {
    if (2 * offset == groups) {
      offsets.push_back(offset);
      --left;
    } else if (left >= 2) {
      offsets.push_back(offset);
      offsets.push_back(groups - offset);
      left -= 2;
    }
  }
  return offsets;
}

/// The port of the offset's `nth` occurrence.
int port_of(const std::vector<int>& offsets, int offset, int nth) {
  auto at = offsets.begin() - 1;
  for (int i = 0; i <= nth; ++i) {
    at = std::find(at + 1, offsets.end(), offset);
  }
  return static_cast<int>(at - offsets.begin());
}

void check_shape(const FabricSpec& spec, int groups) {
  const DragonflyShape& shape = spec.dragonfly;
  const int most = shape.switches * shape.global + 1;
  if (groups > most) {
    throw InputError(
        spec.place,
        fmt::format(
            "{} groups, but the {} global links of a group reach {}", groups, most - 1, most),
        fmt::format("groups = {} or less", most));
  }
  const std::int64_t switches = std::int64_t{groups} * shape.switches;
  if (switches > (1 << 24)) {
    throw InputError(spec.place,
                     fmt::format("{} switches are more than can be simulated",
                                 format_count(static_cast<double>(switches))));
  }
}

}  // namespace

GraphNetwork wire_dragonfly(NetworkSite& site) {
  const DragonflyShape& shape = site.spec.dragonfly;
  const int a = shape.switches;
  const int h = shape.global;
  const int groups = shape.groups == 0 ? a * h + 1 : shape.groups;
  check_shape(site.spec, groups);
  GraphNetwork network = wire_endpoints(site, std::int64_t{groups} * a, shape.endpoints);
  const std::uint16_t type = site.wiring.type_of(switch_link(site.spec, site.size));
  const auto device = [&network, a](int group, int index) {
    return network.first_switch + static_cast<DeviceId>(group * a + index);
  };
  const std::vector<int> offsets = global_offsets(a * h, groups);
  for (int group = 0; group < groups; ++group) {
    for (int i = 0; i < a; ++i) {
      for (int j = i + 1; j < a; ++j) {
        site.wiring.connect(device(group, i), device(group, j), type);
      }
    }
  }
  std::vector<int> seen(static_cast<std::size_t>(groups), 0);
  for (int port = 0; port < static_cast<int>(offsets.size()); ++port) {
    const int offset = offsets[static_cast<std::size_t>(port)];
    const int nth = seen[static_cast<std::size_t>(offset)]++;
    if (2 * offset > groups) {
      continue;  // laid from the other end
    }
    const int far = port_of(offsets, groups - offset, nth);
    const int sources = 2 * offset == groups ? groups / 2 : groups;
    for (int group = 0; group < sources; ++group) {
      site.wiring.connect(
          device(group, port / h), device((group + offset) % groups, far / h), type);
    }
  }
  return network;
}

}  // namespace towtank
