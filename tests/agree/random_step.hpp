// Generated training steps: plans, clusters, networks and what is wrong with them.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <set>
#include <string>

#include <fmt/format.h>

#include "tests/sim/graph/small_step.hpp"

namespace towtank {

/// A plan and a cluster that it fills, with up to three faulty GPUs.
inline SmallStep random_step(unsigned seed, std::array<int, 3> pipelines = {2, 2, 4}) {
  std::mt19937 random(seed);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  const ScheduleKind kind = pick(all_schedule_kinds());
  const int pipeline = pick(pipelines);
  const int data = pick(std::array{1, 2, 4, 8});
  Degrees degrees{.pipeline = pipeline, .data = data};
  do {
    degrees.expert = pick(std::array{1, 2, 4, 8});
  } while (data % degrees.expert != 0);
  do {
    degrees.context = pick(std::array{1, 1, 2});
  } while (data % degrees.context != 0);
  SmallStep step = small_step(kind, degrees);
  step.plan.blocking_pipeline = pick(std::array{true, false});
  step.plan.zero_stage = pick(std::array{0, 1});
  std::set<int> faulty;
  for (int faults = pick(std::array{0, 1, 1, 2, 3}); faults > 0; --faults) {
    const int gpu = std::uniform_int_distribution<int>(0, step.plan.ranks() - 1)(random);
    if (faulty.insert(gpu).second) {
      step.cluster.faults.push_back({.gpu = gpu,
                                     .slowdown = pick(std::array{1.0, 1.0, 1.2, 2.0}),
                                     .nvlink = pick(std::array{1.0, 0.5}),
                                     .nic = pick(std::array{1.0, 1.0, 0.25})});
    }
  }
  return step;
}

/// The same on a network with switches: small ones, so that ways differ and cables fill up, with a
/// degraded or failed cable now and then.
inline SmallStep random_step_on_fabric(unsigned seed, std::array<int, 3> pipelines = {2, 2, 4}) {
  SmallStep step = random_step(seed, pipelines);
  std::mt19937 random(seed + 1000);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  FabricSpec fabric;
  fabric.kind = pick(std::array{
      FabricKind::kFatTree, FabricKind::kFatTree, FabricKind::kRailOptimised, FabricKind::kTorus});
  fabric.cross_rail = CrossRail::kSpine;
  fabric.tiers = pick(std::array{2, 3});
  fabric.radix = pick(std::array{4, 6, 8});
  fabric.oversubscription = {pick(std::array{1.0, 1.0, 2.0, 3.0})};
  fabric.routing = pick(std::array{
      RoutingRule::kShortest, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kAdaptive});
  fabric.seed = seed;
  fabric.link_latency = pick(std::array{0.0, 0.5}) * microsecond;
  fabric.switch_latency = pick(std::array{0.0, 0.3}) * microsecond;
  if (fabric.kind == FabricKind::kTorus) {
    fabric.torus = {.sizes = {2, 2, 2}, .endpoints = 4};
    fabric.routing = RoutingRule::kShortest;
  } else if (pick(std::array{false, false, true}) && step.cluster.nodes > 2) {
    fabric.faults = {{.devices = {"leaf0", "spine0"}, .factor = 0.5}};
  }
  step.cluster.fabric = fabric;
  return step;
}

/// The same with several cards a GPU or several GPUs a card, on rails and planes that ways change,
/// with cards, cables and NVLink switches that are slow or failed. Pipeline ranks often share
/// nodes, so that their neighbours are on other rails.
inline SmallStep random_step_with_cards(unsigned seed) {
  SmallStep step = random_step_on_fabric(seed, {4, 4, 8});
  step.model.layers = 16;  // as many as any schedule has stages
  std::mt19937 random(seed + 3000);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  FabricSpec& fabric = *step.cluster.fabric;
  if (fabric.kind != FabricKind::kTorus) {
    fabric.kind =
        pick(std::array{FabricKind::kFatTree, FabricKind::kRailOptimised, FabricKind::kMultiPlane});
    fabric.cross_rail = pick(std::array{CrossRail::kNvlinkLast, CrossRail::kNvlinkFirst});
    fabric.radix = pick(std::array{8, 16});
  }
  const int cards = pick(std::array{1, 2, 3});  // 3: two GPUs share one
  fabric.nics_per_gpu = cards == 2 ? 2 : 1;
  fabric.gpus_per_nic = cards == 3 && step.cluster.gpus_per_node % 2 == 0 ? 2 : 1;
  fabric.torus.endpoints = 8;
  const int per_node = step.cluster.gpus_per_node * fabric.nics_per_gpu / fabric.gpus_per_nic;
  fabric.planes = fabric.kind == FabricKind::kMultiPlane && per_node % 2 == 0 ? 2 : 1;
  fabric.gpu_pcie.bandwidth = pick(std::array{0.0, 40.0}) * GB / second;
  if (fabric.kind == FabricKind::kMultiPlane) {
    fabric.faults.clear();  // of switches, which have other names there
  }
  if (seed % 2 == 0) {
    step.cluster.faults.clear();
  }
  const auto any = [&random](int count) {
    return std::uniform_int_distribution<int>(0, count - 1)(random);
  };
  for (int faults = pick(std::array{0, 0, 1, 1, 2}); faults > 0; --faults) {
    const std::string node = fmt::format("node{}.", any(step.cluster.nodes));
    const std::string card = node + fmt::format("nic{}", any(per_node));
    const std::string nvswitch = node + "nvswitch0";
    const double left = pick(std::array{0.0, 0.25, 0.5});
    const bool nvlink = step.cluster.gpus_per_node > 1 && pick(std::array{false, false, true});
    fabric.faults.push_back(
        {.devices = {nvlink ? nvswitch : card}, .factor = nvlink ? std::max(left, 0.25) : left});
  }
  return step;
}

/// Experts that receive unequally much, some of them twice there, on either kind of network.
inline SmallStep random_step_with_uneven_experts(unsigned seed) {
  SmallStep step = seed % 2 == 0 ? random_step(seed) : random_step_on_fabric(seed);
  std::mt19937 random(seed + 2000);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  ExpertPlan& experts = step.plan.expert_plan;
  experts.load = ZipfLoad{.exponent = pick(std::array{0.1, 0.2, 0.3}), .seed = seed};
  experts.placement = pick(std::array{PlacementPolicy::kStatic, PlacementPolicy::kGlobal});
  experts.redundant = pick(std::array<std::int64_t, 3>{0, 0, 1}) * step.plan.expert;
  return step;
}

/// Any algorithm that can run on some group. A step in which it can on none is refused.
inline void force_collectives(unsigned seed, SmallStep& step) {
  std::mt19937 random(seed + 5000);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  CollectivePlan& collectives = step.plan.collectives;
  const std::array<std::optional<Algorithm>, 6> any = {std::nullopt,
                                                       Algorithm::kRing,
                                                       Algorithm::kHalvingDoubling,
                                                       Algorithm::kHalvingDoubling,
                                                       Algorithm::kHierarchical,
                                                       Algorithm::kInSwitch};
  const std::array<std::optional<Algorithm>, 4> sums = {
      std::nullopt, Algorithm::kTree, Algorithm::kDoubleTree, Algorithm::kInSwitchTree};
  if (step.plan.zero_stage > 0) {
    collectives.reduce_scatter = pick(any);
    collectives.all_gather = pick(any);
  } else {
    collectives.all_reduce = pick(std::array{false, true}) ? pick(any) : pick(sums);
  }
}

inline SmallStep random_step_with_collectives(unsigned seed) {
  SmallStep step = seed % 2 == 0 ? random_step(seed) : random_step_on_fabric(seed);
  force_collectives(seed, step);
  return step;
}

}  // namespace towtank
