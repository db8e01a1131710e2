// Fabrics for tests: the published ones, and small ones made at random.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "sim/cluster/fabric.hpp"

namespace towtank {

inline FabricSize cluster_size(int nodes, int gpus_per_node) {
  return {.nodes = nodes,
          .gpus_per_node = gpus_per_node,
          .nvlink = {.bandwidth = 200 * GB / second},
          .nic = {.bandwidth = 50 * GB / second}};
}

/// The five networks of arXiv 2505.09343, Table 3, from their parameters.
struct PublishedNetwork {
  std::string name;
  FabricSpec spec;
  int nodes = 0;  // of 8 GPUs
  std::int64_t endpoints = 0;
  std::int64_t switches = 0;
  std::int64_t links = 0;
  double thousand_dollars = 0.0;  // per endpoint
};

inline std::vector<PublishedNetwork> published_networks() {
  const FabricSpec hgx{.node = NodeKind::kHgx};
  FabricSpec ft2 = hgx;
  ft2.kind = FabricKind::kFatTree;
  FabricSpec mpft = hgx;
  mpft.kind = FabricKind::kMultiPlane;
  mpft.planes = 8;
  FabricSpec ft3 = ft2;
  ft3.tiers = 3;
  FabricSpec slim_fly = hgx;
  slim_fly.kind = FabricKind::kSlimFly;
  slim_fly.slim_fly = {.q = 28};
  FabricSpec dragonfly = hgx;
  dragonfly.kind = FabricKind::kDragonfly;
  dragonfly.dragonfly = {.endpoints = 16, .switches = 32, .global = 16, .groups = 511};
  return {{"FT2", ft2, 256, 2048, 96, 2048, 4.39},
          {"MPFT", mpft, 2048, 16384, 768, 16384, 4.39},
          {"FT3", ft3, 8192, 65536, 5120, 131072, 7.5},
          {"Slim Fly", slim_fly, 4116, 32928, 1568, 32928, 4.4},
          {"Dragonfly", dragonfly, 32704, 261632, 16352, 384272, 5.8}};
}

/// A small cluster with any kind of network, all parameters drawn; of tens to hundreds of GPUs.
struct RandomFabric {
  FabricSpec spec;
  FabricSize size;
};

inline RandomFabric random_fabric(std::mt19937_64& random) {
  const auto pick = [&random](int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  };
  RandomFabric made;
  FabricSpec& spec = made.spec;
  int nodes = pick(1, 24);
  int gpus = pick(1, 4) * 2;
  if (pick(0, 2) == 0) {
    spec.node = NodeKind::kHgx;
    gpus = 8;
  }
  if (pick(0, 3) == 0) {
    spec.nics_per_gpu = 2;
  } else if (pick(0, 3) == 0) {
    spec.gpus_per_nic = 2;
  }
  const int nics = gpus / spec.gpus_per_nic * spec.nics_per_gpu;
  spec.kind = static_cast<FabricKind>(pick(0, 6));
  spec.seed = static_cast<std::uint64_t>(pick(0, 1000));
  spec.tiers = 3;
  spec.radix = 2 * pick(6, 12);
  spec.oversubscription = {1.0 * pick(1, 3), 1.0 * pick(1, 2)};
  spec.cross_rail = static_cast<CrossRail>(pick(0, 1));
  switch (spec.kind) {
    case FabricKind::kRailOptimised:
      spec.cross_rail = static_cast<CrossRail>(pick(0, 2));
      break;
    case FabricKind::kMultiPlane:
      spec.planes = pick(0, 1) == 0 ? nics : (nics % 2 == 0 ? 2 : 1);
      break;
    case FabricKind::kDragonfly: {
      const int groups = pick(2, 7);
      spec.dragonfly = {
          .endpoints = pick(2, 4), .switches = 4, .global = pick(2, 3), .groups = groups};
      nodes = std::max(1, groups * 4 * spec.dragonfly.endpoints / nics);
      break;
    }
    case FabricKind::kSlimFly:
      spec.slim_fly = {.q = pick(0, 1) == 0 ? 4 : 5};
      nodes = pick(1, 12);
      spec.slim_fly.endpoints = (nodes * nics + 31) / 32;
      break;
    case FabricKind::kTorus:
      spec.torus = {.sizes = {pick(1, 5), pick(2, 5), pick(1, 4)}, .endpoints = pick(1, 3)};
      spec.torus.endpoints =
          std::max(spec.torus.endpoints,
                   (nics + spec.torus.sizes[0] * spec.torus.sizes[1] * spec.torus.sizes[2] - 1) /
                       (spec.torus.sizes[0] * spec.torus.sizes[1] * spec.torus.sizes[2]));
      nodes = spec.torus.endpoints * spec.torus.sizes[0] * spec.torus.sizes[1] *
              spec.torus.sizes[2] / nics;
      break;
    case FabricKind::kNonblocking:
    case FabricKind::kFatTree:
    case FabricKind::kCustom:
      break;
  }
  made.size = cluster_size(nodes, gpus);
  return made;
}

inline std::string describe(const RandomFabric& made) {
  return std::string(name(made.spec.kind)) + ", " + std::to_string(made.size.nodes) + " nodes of " +
         std::to_string(made.size.gpus_per_node) + ", " + std::string(name(made.spec.node)) +
         ", radix " + std::to_string(made.spec.radix);
}

}  // namespace towtank
