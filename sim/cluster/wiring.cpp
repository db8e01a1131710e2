#include "sim/cluster/wiring.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {

DeviceId Wiring::add_devices(DeviceKind kind, std::int64_t count, int plane) {
  const auto first = static_cast<DeviceId>(devices_);
  devices_ += count;
  check(devices_ <= std::numeric_limits<std::int32_t>::max(), "devices are counted in 31 bits");
  if (count > 0) {
    blocks_.push_back(
        {.kind = kind, .plane = plane, .first = first, .count = static_cast<DeviceId>(count)});
  }
  return first;
}

std::uint16_t Wiring::type_of(const LinkType& type) {
  const auto at = std::ranges::find(types_, type);
  const auto index = static_cast<std::size_t>(at - types_.begin());
  if (at == types_.end()) {
    types_.push_back(type);
  }
  check(index <= std::numeric_limits<std::uint16_t>::max(), "at most 65,536 types of link");
  return static_cast<std::uint16_t>(index);
}

void Wiring::finish(Fabric& fabric) {
  const std::size_t edges = 2 * cables_.size();
  check(edges <= static_cast<std::size_t>(std::numeric_limits<LinkId>::max()),
        "links are counted in 31 bits");
  // Counting sort by device; within one, cables keep the order they were laid in.
  std::vector<std::uint32_t> next(static_cast<std::size_t>(devices_) + 1, 0);
  for (const Cable& cable : cables_) {
    ++next[cable.a + 1];
    ++next[cable.b + 1];
  }
  for (std::size_t i = 1; i < next.size(); ++i) {
    next[i] += next[i - 1];
  }
  std::vector<std::pair<DeviceId, DeviceId>> ends(edges);
  std::vector<LinkTag> tags(edges);
  const auto put = [&next, &ends, &tags](DeviceId from, DeviceId to, std::uint16_t type) {
    const std::uint32_t at = next[from]++;
    ends[at] = {from, to};
    tags[at] = {type};
  };
  for (const Cable& cable : cables_) {
    put(cable.a, cable.b, cable.type);
    put(cable.b, cable.a, cable.type);
  }
  cables_ = {};
  fabric.wires = Wires(boost::edges_are_sorted,
                       ends.begin(),
                       ends.end(),
                       tags.begin(),
                       static_cast<std::uint32_t>(devices_),
                       static_cast<std::uint32_t>(edges));
  fabric.blocks = std::move(blocks_);
  fabric.types = std::move(types_);
}

}  // namespace towtank
