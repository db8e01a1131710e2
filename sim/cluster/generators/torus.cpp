// Torus: a switch at every point of a grid; the lines of each dimension are rings.
#include <cstdint>
#include <limits>

#include <fmt/format.h>

#include "sim/cluster/generators/network.hpp"

namespace towtank {

GraphNetwork wire_torus(NetworkSite& site) {
  const TorusShape& shape = site.spec.torus;
  std::int64_t switches = shape.sizes.empty() ? 0 : 1;
  for (const int size : shape.sizes) {
    switches *= size;
    if (size < 1 || switches > std::numeric_limits<std::int32_t>::max() / 64) {
      throw InputError(site.spec.place, "a torus of this size cannot be built");
    }
  }
  if (switches == 0) {
    throw InputError(site.spec.place, "a torus without sizes", "sizes = [8, 8, 8]");
  }
  GraphNetwork network = wire_endpoints(site, switches, shape.endpoints);
  const std::uint16_t type = site.wiring.type_of(switch_link(site.spec, site.size));
  std::int64_t stride = 1;
  for (const int size : shape.sizes) {
    for (std::int64_t at = 0; at < switches; ++at) {
      const std::int64_t place = at / stride % size;
      const bool last = place == size - 1;
      if (size < 2 || (last && size == 2)) {  // a line of two is one link, not two
        continue;
      }
      const std::int64_t next = last ? at - place * stride : at + stride;
      site.wiring.connect(network.first_switch + static_cast<DeviceId>(at),
                          network.first_switch + static_cast<DeviceId>(next),
                          type);
    }
    stride *= size;
  }
  return network;
}

}  // namespace towtank
