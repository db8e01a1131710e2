#include "sim/cluster/faults.hpp"

#include <algorithm>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

constexpr std::size_t kMostTypes = 60'000;  // of links; a tag has 16 bits

std::vector<LinkId> links_between(const Fabric& fabric, DeviceId from, DeviceId to) {
  std::vector<LinkId> links;
  const LinkId first = fabric.first_link(from);
  for (LinkId link = first; link < first + fabric.ports(from); ++link) {
    if (fabric.head(link) == to) {
      links.push_back(link);
    }
  }
  return links;
}

/// Both directions of every link of a device.
std::vector<LinkId> links_of(const Fabric& fabric, DeviceId device) {
  std::vector<DeviceId> neighbours;
  std::vector<LinkId> links;
  const LinkId first = fabric.first_link(device);
  for (LinkId link = first; link < first + fabric.ports(device); ++link) {
    links.push_back(link);
    neighbours.push_back(fabric.head(link));
  }
  std::ranges::sort(neighbours);
  neighbours.erase(std::unique(neighbours.begin(), neighbours.end()), neighbours.end());
  for (const DeviceId neighbour : neighbours) {
    const std::vector<LinkId> back = links_between(fabric, neighbour, device);
    links.insert(links.end(), back.begin(), back.end());
  }
  return links;
}

std::vector<LinkId> faulty_links(const Fabric& fabric, const Fault& fault) {
  const DeviceId a = find_device(fabric, fault.devices.front(), fault.place);
  if (fault.devices.size() == 1) {
    if (fabric.kind(a) == DeviceKind::kGpu) {
      throw InputError(fault.place,
                       "a GPU is no part of the network",
                       "name its links, like [\"node0.gpu0\", \"node0.pcie0\"], or its card");
    }
    return links_of(fabric, a);
  }
  const DeviceId b = find_device(fabric, fault.devices.back(), fault.place);
  std::vector<LinkId> links = links_between(fabric, a, b);
  if (links.empty()) {
    const DeviceId neighbour = fabric.head(fabric.first_link(a));
    throw InputError(
        fault.place,
        fmt::format("no link joins {} and {}", fault.devices.front(), fault.devices.back()),
        fmt::format("{} has one to {}", fault.devices.front(), device_name(fabric, neighbour)));
  }
  const std::vector<LinkId> back = links_between(fabric, b, a);
  links.insert(links.end(), back.begin(), back.end());
  return links;
}

/// The index of a sound type's likeness with `factor` of its bandwidth.
std::uint16_t degraded(Fabric& fabric, std::uint16_t sound, double factor, const Place& place) {
  LinkType type = fabric.types[sound];
  type.bandwidth *= factor;
  type.health *= factor;
  const auto at = std::ranges::find(fabric.types, type);
  const auto index = static_cast<std::size_t>(at - fabric.types.begin());
  if (at == fabric.types.end()) {
    if (index >= kMostTypes) {
      throw InputError(place, "too many faults of different strength");
    }
    fabric.types.push_back(type);
  }
  return static_cast<std::uint16_t>(index);
}

/// Also in its tree, when it joins two switches of one.
void note_failure(Fabric& fabric, LinkId link) {
  fabric.has_failures = true;
  auto* const network = std::get_if<TreeNetwork>(&fabric.network);
  const auto is_switch = [&](DeviceId device) { return fabric.kind(device) >= DeviceKind::kLeaf; };
  if (network == nullptr || !is_switch(fabric.head(link)) || !is_switch(fabric.tail(link))) {
    return;
  }
  const int plane =
      std::max(fabric.block_of(fabric.head(link)).plane, fabric.block_of(fabric.tail(link)).plane);
  for (Tree& tree : network->trees) {
    tree.has_failures = tree.has_failures || plane == tree.plane;
  }
}

}  // namespace

void apply_faults(Fabric& fabric) {
  for (const Fault& fault : fabric.spec.faults) {
    for (const LinkId link : faulty_links(fabric, fault)) {
      LinkTag& tag = fabric.tag(link);
      tag.type = degraded(fabric, tag.type, fault.factor, fault.place);
      if (fabric.types[tag.type].bandwidth <= Bandwidth()) {
        note_failure(fabric, link);
      }
    }
  }
}

}  // namespace towtank
