// Small collectives on small clusters, to be simulated.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/collective/algorithms.hpp"
#include "sim/collective/choose.hpp"
#include "sim/engine/collective_run.hpp"
#include "tests/sim/collective/costs_maker.hpp"

namespace towtank {

inline Cluster round_cluster(int nodes, int gpus_per_node) {
  return {.name = "round",
          .gpu = "round",
          .nodes = nodes,
          .gpus_per_node = gpus_per_node,
          .nvlink = {.bandwidth = round_speeds().nvlink, .latency = Seconds()},
          .nic = {.bandwidth = round_speeds().nic, .latency = Seconds()}};
}

/// GPUs first, first + stride, ... of a cluster.
inline std::vector<Member> members_from(const Cluster& cluster, int first, int count, int stride) {
  std::vector<Member> members;
  for (int i = 0; i < count; ++i) {
    const int gpu = first + i * stride;
    members.push_back(
        {.gpu = gpu, .node = gpu / cluster.gpus_per_node, .place = gpu % cluster.gpus_per_node});
  }
  return members;
}

inline GroupCall round_call(Algorithm algorithm, const CollectiveCall& call) {
  return {.members = call.members,
          .movement = movement(algorithm, call),
          .cost = round_cost(pattern_of(algorithm, call.kind), Protocol::kSimple)};
}

inline CollectiveRun run_on(const Cluster& cluster,
                            const std::vector<GroupCall>& calls,
                            Folding folding = Folding::kFolded) {
  if (!cluster.fabric) {
    return run_collectives(cluster, nullptr, calls, folding);
  }
  FabricWires fabric(cluster);
  return run_collectives(cluster, &fabric, calls, folding);
}

}  // namespace towtank
