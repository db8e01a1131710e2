// Lays cables between devices and makes the graph of them.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cluster/fabric.hpp"

namespace towtank {

/// Cables laid so far. Each takes the next free port at both of its ends.
class Wiring {
 public:
  /// Devices of a kind, numbered after those before; returns the first.
  DeviceId add_devices(DeviceKind kind, std::int64_t count, int plane = -1);

  /// The index of a link type; equal types share one.
  std::uint16_t type_of(const LinkType& type);

  /// Room for so many more cables.
  void reserve(std::size_t cables) { cables_.reserve(cables_.size() + cables); }

  /// A link in both directions.
  void connect(DeviceId a, DeviceId b, std::uint16_t type) { cables_.push_back({a, b, type}); }

  /// Moves devices and links into the fabric.
  void finish(Fabric& fabric);

 private:
  struct Cable {
    DeviceId a = 0;
    DeviceId b = 0;
    std::uint16_t type = 0;
  };
  std::vector<DeviceBlock> blocks_;
  std::vector<LinkType> types_;
  std::vector<Cable> cables_;
  std::int64_t devices_ = 0;
};

}  // namespace towtank
