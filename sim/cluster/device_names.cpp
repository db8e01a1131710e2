// Devices by name: what faults, edge lists and reports call them.
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"
#include "sim/cluster/fabric.hpp"

namespace towtank {
namespace {

const GraphNetwork* named_network(const Fabric& fabric) {
  const auto* network = std::get_if<GraphNetwork>(&fabric.network);
  return network == nullptr || network->names.empty() ? nullptr : network;
}

/// Devices of a kind a node has; 0 for those between nodes.
int per_node(const NodeLayout& node, DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kGpu:
      return node.gpus;
    case DeviceKind::kNvSwitch:
      return node.nvswitches;
    case DeviceKind::kPcieSwitch:
      return node.pcie_switches;
    case DeviceKind::kNic:
      return node.nics;
    case DeviceKind::kLeaf:
    case DeviceKind::kSpine:
    case DeviceKind::kCore:
      return 0;
  }
  return 0;
}

/// "leaf12" as its word and number.
std::optional<std::pair<std::string_view, std::int64_t>> word_and_number(std::string_view text) {
  const std::size_t digits = text.find_first_of("0123456789");
  if (digits == std::string_view::npos || text.size() - digits > 9) {
    return std::nullopt;
  }
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data() + digits, end, number).ptr != end) {
    return std::nullopt;
  }
  return std::pair(text.substr(0, digits), number);
}

/// "node3.", "plane1." or nothing, and the rest.
struct Parts {
  std::string_view where;
  std::int64_t index = -1;
  std::string_view kind;
  std::int64_t number = 0;
};

std::optional<Parts> parts_of(std::string_view text) {
  Parts parts;
  const std::size_t dot = text.find('.');
  if (dot != std::string_view::npos) {
    const auto where = word_and_number(text.substr(0, dot));
    if (!where) {
      return std::nullopt;
    }
    parts.where = where->first;
    parts.index = where->second;
    text.remove_prefix(dot + 1);
  }
  const auto what = word_and_number(text);
  if (!what) {
    return std::nullopt;
  }
  parts.kind = what->first;
  parts.number = what->second;
  return parts;
}

std::optional<DeviceId> device_of(const Fabric& fabric, const Parts& parts) {
  for (const DeviceBlock& block : fabric.blocks) {
    if (parts.kind != name(block.kind)) {
      continue;
    }
    const int inside = per_node(fabric.node, block.kind);
    if (inside > 0) {
      const bool there =
          parts.where == "node" && parts.index < fabric.node.nodes && parts.number < inside;
      return there ? std::optional(block.first +
                                   static_cast<DeviceId>(parts.index * inside + parts.number))
                   : std::nullopt;
    }
    const bool this_plane = block.plane < 0 ? parts.where.empty()
                                            : parts.where == "plane" && parts.index == block.plane;
    if (this_plane) {
      return parts.number < block.count
                 ? std::optional(block.first + static_cast<DeviceId>(parts.number))
                 : std::nullopt;
    }
  }
  return std::nullopt;
}

/// "node0.gpu0 to node255.gpu7, leaf0 to leaf63, ...".
std::string known_names(const Fabric& fabric) {
  std::string text;
  for (const DeviceBlock& block : fabric.blocks) {
    text += fmt::format("{}{} to {}",
                        text.empty() ? "" : ", ",
                        device_name(fabric, block.first),
                        device_name(fabric, block.first + block.count - 1));
  }
  return text;
}

}  // namespace

std::string device_name(const Fabric& fabric, DeviceId device) {
  const DeviceBlock& block = fabric.block_of(device);
  const DeviceId index = device - block.first;
  const auto inside = static_cast<DeviceId>(per_node(fabric.node, block.kind));
  if (inside > 0) {
    return fmt::format("node{}.{}{}", index / inside, name(block.kind), index % inside);
  }
  if (const GraphNetwork* network = named_network(fabric)) {
    return network->names[device - network->first_switch];
  }
  if (block.plane >= 0) {
    return fmt::format("plane{}.{}{}", block.plane, name(block.kind), index);
  }
  return fmt::format("{}{}", name(block.kind), index);
}

DeviceId find_device(const Fabric& fabric, std::string_view name, const Place& place) {
  if (const GraphNetwork* network = named_network(fabric)) {
    const auto at = std::ranges::find(network->names, name);
    if (at != network->names.end()) {
      return network->first_switch + static_cast<DeviceId>(at - network->names.begin());
    }
  }
  const std::optional<Parts> parts = parts_of(name);
  const std::optional<DeviceId> device = parts ? device_of(fabric, *parts) : std::nullopt;
  if (!device) {
    throw InputError(place,
                     fmt::format("the cluster has no device \"{}\"", name),
                     "it has " + known_names(fabric));
  }
  return *device;
}

}  // namespace towtank
