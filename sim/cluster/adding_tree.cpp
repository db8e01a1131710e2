// The tree over which switches add up what several cards send, and copy what came out.
#include <algorithm>
#include <cstddef>
#include <unordered_set>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/cluster/router.hpp"
#include "sim/cluster/switch_paths.hpp"

namespace towtank {
namespace {

/// The same cable in the other direction.
LinkId backwards(const Fabric& fabric, DeviceId from, LinkId link) {
  const DeviceId to = fabric.head(link);
  int before = 0;  // of the cables between the two
  for (LinkId other = fabric.first_link(from); other < link; ++other) {
    before += fabric.head(other) == to ? 1 : 0;
  }
  const LinkId first = fabric.first_link(to);
  for (LinkId back = first; back < first + fabric.ports(to); ++back) {
    if (fabric.head(back) == from && before-- == 0) {
      return back;
    }
  }
  throw BrokenClaim("links lead both ways");
}

}  // namespace

void Router::adding_tree(std::span<const int> cards, std::vector<LinkId>& links) const {
  const int root = cards.front();
  const Destination goal = destination(root);
  std::unordered_set<DeviceId> joined = {goal.leaf};
  NextHops hops;
  for (const int card : cards.subspan(1)) {
    DeviceId at = fabric_->head(uplink(card));
    for (int hop = 0; joined.insert(at).second; ++hop) {
      paths_->next_hops(at, goal, hops);
      if (hops.size() == 0) {
        const DeviceId first = fabric_->node.first_nic;
        throw InputError(fabric_->spec.place,
                         fmt::format("no way from {} to {} is left",
                                     device_name(*fabric_, first + static_cast<DeviceId>(card)),
                                     device_name(*fabric_, first + static_cast<DeviceId>(root))));
      }
      const bool all = rule_ == RoutingRule::kAdaptive;
      const LinkId next = hops[all ? hops.preferred % hops.size() : choose(hops, root, root, hop)];
      links.push_back(next);
      links.push_back(backwards(*fabric_, at, next));
      at = fabric_->head(next);
    }
  }
}

}  // namespace towtank
