// The next hops from a switch on shortest ways to a card: what the routing rules choose from.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/cluster/fabric.hpp"

namespace towtank {

/// Where traffic leaves the network.
struct Destination {
  DeviceId leaf = 0;  // the switch of the card
  LinkId downlink = 0;
  std::int32_t endpoint = 0;
  int tree = 0;  // of several
};

/// Sound links to take next, in the order of ports: consecutive ones, or a list.
class NextHops {
 public:
  void clear() { set_range(0, 0); }
  void set_range(LinkId first, int count) {
    listed_.clear();
    first_ = first;
    count_ = count;
  }
  void add(LinkId link) {
    listed_.push_back(link);
    count_ = static_cast<int>(listed_.size());
  }

  int size() const { return count_; }
  LinkId operator[](int i) const {
    return listed_.empty() ? first_ + i : listed_[static_cast<std::size_t>(i)];
  }

  int preferred = 0;  // the one D-mod-K takes

 private:
  LinkId first_ = 0;
  int count_ = 0;
  std::vector<LinkId> listed_;
};

class SwitchPaths {
 public:
  SwitchPaths() = default;
  virtual ~SwitchPaths() = default;
  SwitchPaths(const SwitchPaths&) = delete;
  SwitchPaths& operator=(const SwitchPaths&) = delete;

  /// Fills `hops` with the links that continue a shortest way from `at`, in the order of ports;
  /// with none when there is no way. At the destination's own switch the one link is the downlink.
  virtual void next_hops(DeviceId at, const Destination& to, NextHops& hops) const = 0;
};

/// Paths of the fabric's network, which must outlive them.
std::unique_ptr<SwitchPaths> switch_paths(const Fabric& fabric);

std::unique_ptr<SwitchPaths> tree_paths(const Fabric& fabric, const TreeNetwork& network);
std::unique_ptr<SwitchPaths> graph_paths(const Fabric& fabric, const GraphNetwork& network);

}  // namespace towtank
