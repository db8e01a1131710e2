// What tells the wires of a fabric apart: a single link's key is its number, the other kinds of
// wires each have a bit of their own above all of these.
#pragma once

#include <cstdint>

#include "sim/cluster/fabric.hpp"

namespace towtank {

using WireKey = std::uint64_t;

inline constexpr WireKey kCardKey = WireKey{1} << 63U;
inline constexpr WireKey kBundleKey = WireKey{1} << 62U;  // of cables: see tree_bundles.hpp
inline constexpr WireKey kPcieKey = WireKey{1} << 61U;    // a GPU's link
inline constexpr WireKey kUplinkKey = WireKey{1} << 60U;  // of a PCIe switch to its host

/// Whether a device is a switch of the network.
inline bool is_switch(const Fabric& fabric, DeviceId device) {
  return fabric.kind(device) >= DeviceKind::kLeaf;
}

}  // namespace towtank
