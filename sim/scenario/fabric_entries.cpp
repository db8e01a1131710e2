#include "sim/scenario/fabric_entries.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace towtank {
namespace {

class FabricEntries {
 public:
  template <class Value>
  void add(std::string_view key, const Value& value) {
    entries_.emplace_back(key, fmt::format("{}", value));
  }
  void add(std::string_view key, Bandwidth bandwidth) {
    add(key, fmt::format("{:.10g} GB/s", bandwidth / (GB / second)));
  }
  void add(std::string_view key, Seconds time) {
    add(key, fmt::format("{:.10g} us", time / microsecond));
  }
  std::vector<std::pair<std::string, std::string>> take() { return std::move(entries_); }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

void add_tree(const FabricSpec& fabric, FabricEntries& entries) {
  entries.add("tiers", fabric.tiers);
  entries.add("radix", fabric.radix);
  entries.add("oversubscription", fmt::format("{:.10g}", fabric.oversubscription.front()));
  if (fabric.oversubscription.size() > 1) {
    entries.add("spine_oversubscription", fmt::format("{:.10g}", fabric.oversubscription[1]));
  }
  if (fabric.kind != FabricKind::kFatTree) {
    entries.add("cross_rail", name(fabric.cross_rail));
  }
  if (fabric.kind == FabricKind::kMultiPlane) {
    entries.add("planes", fabric.planes);
  }
}

/// What is particular to the kind of network.
void add_shape(const FabricSpec& fabric, FabricEntries& entries) {
  switch (fabric.kind) {
    case FabricKind::kFatTree:
    case FabricKind::kRailOptimised:
    case FabricKind::kMultiPlane:
      add_tree(fabric, entries);
      break;
    case FabricKind::kDragonfly:
      entries.add("endpoints", fabric.dragonfly.endpoints);
      entries.add("switches", fabric.dragonfly.switches);
      entries.add("global", fabric.dragonfly.global);
      entries.add("groups", fabric.dragonfly.groups);
      break;
    case FabricKind::kSlimFly:
      entries.add("q", fabric.slim_fly.q);
      entries.add("endpoints", fabric.slim_fly.endpoints);
      break;
    case FabricKind::kTorus:
      entries.add("sizes", fmt::format("{}", fmt::join(fabric.torus.sizes, " x ")));
      entries.add("endpoints", fabric.torus.endpoints);
      break;
    case FabricKind::kCustom:
      entries.add("edges", fmt::format("{} cables", fabric.edges.cables.size()));
      break;
    case FabricKind::kNonblocking:
      break;
  }
}

void add_routing(const FabricSpec& fabric, FabricEntries& entries) {
  if (fabric.kind == FabricKind::kNonblocking) {
    return;
  }
  entries.add("routing", name(fabric.routing));
  if (fabric.routing == RoutingRule::kEcmp) {
    entries.add("seed", fabric.seed);
  }
  if (fabric.link_bandwidth) {
    entries.add("link_bandwidth", *fabric.link_bandwidth);
  }
  entries.add("link_latency", fabric.link_latency);
  entries.add("switch_latency", fabric.switch_latency);
  if (fabric.adding_tiers) {
    constexpr std::array<std::string_view, 3> kTiers = {"leaf", "spine", "core"};
    const auto tiers = std::min(static_cast<std::size_t>(*fabric.adding_tiers), kTiers.size());
    entries.add("in_network",
                fmt::format("{}", fmt::join(kTiers.begin(), kTiers.begin() + tiers, ", ")));
  }
}

void add_cards(const FabricSpec& fabric, FabricEntries& entries) {
  entries.add("node", name(fabric.node));
  entries.add("nics_per_gpu", fabric.nics_per_gpu);
  entries.add("gpus_per_nic", fabric.gpus_per_nic);
  if (fabric.gpu_pcie.bandwidth > Bandwidth()) {
    entries.add("gpu_pcie.bandwidth", fabric.gpu_pcie.bandwidth);
  }
  if (fabric.nic_pcie.bandwidth > Bandwidth()) {
    entries.add("nic_pcie.bandwidth", fabric.nic_pcie.bandwidth);
  }
  if (fabric.pcie) {
    entries.add("pcie.generation", fabric.pcie->generation);
    entries.add("pcie.lanes", fabric.pcie->lanes);
    if (fabric.pcie->gpus_per_switch > 0) {
      entries.add("pcie.gpus_per_switch", fabric.pcie->gpus_per_switch);
    }
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> fabric_entries(const FabricSpec& fabric) {
  FabricEntries entries;
  entries.add("kind", name(fabric.kind));
  add_cards(fabric, entries);
  add_shape(fabric, entries);
  add_routing(fabric, entries);
  for (const Fault& fault : fabric.faults) {
    entries.add(fmt::format("fault.{}", fmt::join(fault.devices, " to ")),
                fmt::format("{:.10g}", fault.factor));
  }
  return entries.take();
}

}  // namespace towtank
