// Collectives folded are collectives of all their ranks: generated clusters with degraded ports,
// networks of every routing, several groups at once.
#include <array>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/agree/small_collective.hpp"

namespace towtank {
namespace {

class Pick {
 public:
  explicit Pick(unsigned seed) : random_(seed) {}

  template <typename Choices>
  auto from(const Choices& choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random_)];
  }
  int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

 private:
  std::mt19937 random_;
};

struct Scene {
  Cluster cluster;
  std::vector<GroupCall> calls;
  std::string text;
};

FabricSpec random_fabric(Pick& pick, unsigned seed, int gpus_per_node) {
  FabricSpec fabric;
  fabric.kind = pick.from(std::array{FabricKind::kFatTree,
                                     FabricKind::kFatTree,
                                     FabricKind::kRailOptimised,
                                     FabricKind::kMultiPlane,
                                     FabricKind::kTorus});
  fabric.cross_rail =
      pick.from(std::array{CrossRail::kSpine, CrossRail::kNvlinkLast, CrossRail::kNvlinkFirst});
  if (fabric.kind == FabricKind::kMultiPlane) {
    fabric.planes = gpus_per_node;
    fabric.cross_rail = CrossRail::kNvlinkLast;
  }
  fabric.tiers = pick.from(std::array{2, 3});
  fabric.radix = pick.from(std::array{4, 6, 8});
  fabric.oversubscription = {pick.from(std::array{1.0, 1.0, 2.0, 3.0})};
  fabric.routing = pick.from(std::array{
      RoutingRule::kShortest, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kAdaptive});
  fabric.seed = seed;
  if (fabric.kind == FabricKind::kTorus) {
    fabric.torus = {.sizes = {2, 2, 2}, .endpoints = gpus_per_node};
  } else if (pick.upto(3) == 0) {
    fabric.faults = {{.devices = {"leaf0", "spine0"}, .factor = 0.5}};
    if (fabric.kind == FabricKind::kMultiPlane) {
      fabric.faults.front().devices = {"plane0.leaf0", "plane0.spine0"};
    }
  }
  if (pick.upto(3) == 0) {
    fabric.pcie = PcieSpec{.generation = pick.from(std::array{3, 5}),
                           .lanes = 8,
                           .gpus_per_switch = pick.from(std::array{1, 2})};
  }
  return fabric;
}

/// To the hosts and back, of every second member or all of them.
void add_host_copies(Pick& pick, Movement& movement) {
  if (movement.phases.empty() || pick.upto(1) == 0) {
    return;
  }
  const int step = 1 + pick.upto(1);
  for (int member = 0; member < movement.members; member += step) {
    for (const bool to_host : {true, false}) {
      movement.host_copies.push_back({.member = member, .to_host = to_host, .bytes = 60 * MB});
    }
  }
}

void add_faults(Pick& pick, Cluster& cluster) {
  std::set<int> faulty;
  for (int faults = pick.from(std::array{0, 0, 1, 1, 2, 3}); faults > 0; --faults) {
    const int gpu = pick.upto(cluster.gpus() - 1);
    if (faulty.insert(gpu).second) {
      cluster.faults.push_back({.gpu = gpu,
                                .slowdown = 1.0,
                                .nvlink = pick.from(std::array{1.0, 0.5}),
                                .nic = pick.from(std::array{1.0, 0.5, 0.25})});
    }
  }
}

/// One to four groups, neighbouring or interleaved, each with one of the algorithms that can run
/// its call; or the same call and algorithm for all.
void add_calls(Pick& pick, Scene& scene) {
  const int gpus = scene.cluster.gpus();
  const int groups = std::min(pick.from(std::array{1, 1, 2, 4}), gpus / 2);
  const int ranks = pick.upto(2) == 0 ? 2 + pick.upto(gpus / groups - 2) : gpus / groups;
  const bool interleaved = groups > 1 && pick.upto(1) == 0;
  const bool alike = pick.upto(3) > 0;
  std::optional<std::pair<Collective, Algorithm>> same;
  for (int group = 0; group < groups; ++group) {
    CollectiveCall call;
    call.kind = pick.from(kCollectives);
    call.bytes = pick.from(std::array{240.0, 77.0}) * MB;
    call.members = interleaved ? members_from(scene.cluster, group, ranks, groups)
                               : members_from(scene.cluster, group * ranks, ranks, 1);
    if (same) {
      call.kind = same->first;
    }
    if (call.kind == Collective::kSendRecv) {
      call.members = {call.members.front(), call.members.back()};
    }
    std::vector<Algorithm> possible;
    for (const Algorithm algorithm : kAlgorithms) {
      if (why_not(algorithm, call).empty() && (!same || same->second == algorithm)) {
        possible.push_back(algorithm);
      }
    }
    if (possible.empty()) {
      continue;
    }
    const Algorithm algorithm = pick.from(possible);
    if (alike) {
      call.bytes = 240 * MB;
      same = {call.kind, algorithm};
    }
    scene.calls.push_back(round_call(algorithm, call));
    if (scene.cluster.fabric && scene.cluster.fabric->pcie) {
      add_host_copies(pick, scene.calls.back().movement);
    }
    scene.text +=
        fmt::format(", {} {} of {}", name(call.kind), name(algorithm), call.members.size());
  }
}

Scene random_scene(unsigned seed, bool on_fabric) {
  Pick pick(seed);
  Scene scene;
  scene.cluster = round_cluster(on_fabric ? 8 : pick.from(std::array{1, 2, 3, 8}),
                                pick.from(std::array{1, 2, 4}));
  if (scene.cluster.gpus() == 1) {
    scene.cluster.gpus_per_node = 4;
  }
  add_faults(pick, scene.cluster);
  if (on_fabric) {
    scene.cluster.fabric = random_fabric(pick, seed, scene.cluster.gpus_per_node);
    scene.text = fmt::format("{} {} {}",
                             name(scene.cluster.fabric->kind),
                             name(scene.cluster.fabric->routing),
                             name(scene.cluster.fabric->cross_rail));
  }
  add_calls(pick, scene);
  scene.text = fmt::format("seed {}: {} nodes of {}, {} faults {}",
                           seed,
                           scene.cluster.nodes,
                           scene.cluster.gpus_per_node,
                           scene.cluster.faults.size(),
                           scene.text);
  return scene;
}

/// What each GPU's ports carried, over all that took part; and of the fabric's wires, most first.
std::vector<double> fabric_loads(const CollectiveRun& run) {
  std::vector<double> result;
  for (const WireLoad& wire : run.wires) {
    if (wire.gpu < 0) {
      result.insert(result.end(), static_cast<std::size_t>(wire.members), wire.carried.si());
    }
  }
  std::ranges::sort(result, std::greater<>());
  return result;
}

double port_loads(const CollectiveRun& run) {
  double sum = 0.0;
  for (const WireLoad& wire : run.wires) {
    sum += wire.gpu >= 0 ? wire.carried.si() * static_cast<double>(wire.members) : 0.0;
  }
  return sum;
}

/// Returns whether anything was folded.
bool expect_same(const Scene& scene) {
  SCOPED_TRACE(scene.text);
  const CollectiveRun folded = run_on(scene.cluster, scene.calls);
  const CollectiveRun whole = run_on(scene.cluster, scene.calls, Folding::kUnfolded);
  EXPECT_NEAR(folded.time / whole.time, 1.0, 1e-9);
  EXPECT_NEAR(folded.latency / whole.latency, 1.0, 1e-9);
  EXPECT_NEAR(port_loads(folded) / port_loads(whole), 1.0, 1e-9);
  EXPECT_EQ(whole.classes, whole.ranks);
  EXPECT_EQ(folded.ranks, whole.ranks);
  // Wires that can never be full are left out of the folded run; the others carry the same.
  const std::vector<double> some = fabric_loads(folded);
  std::vector<double> all = fabric_loads(whole);
  EXPECT_LE(some.size(), all.size());
  for (const double load : some) {
    const auto same = std::ranges::find_if(
        all, [load](double other) { return std::abs(other / load - 1.0) < 1e-9; });
    EXPECT_TRUE(same != all.end());
    if (same != all.end()) {
      all.erase(same);
    }
  }
  return folded.classes < whole.classes;
}

class CollectiveFolding : public testing::TestWithParam<unsigned> {};

constexpr unsigned kBlock = 100;
constexpr unsigned kBlocks = 10;

TEST_P(CollectiveFolding, AgreesWithAllRanksOnNonBlockingNetworks) {
  int folded = 0;
  for (unsigned seed = GetParam() * kBlock; seed < (GetParam() + 1) * kBlock; ++seed) {
    const Scene scene = random_scene(seed, false);
    if (!scene.calls.empty()) {
      folded += expect_same(scene) ? 1 : 0;
    }
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(folded, static_cast<int>(kBlock) / 4);
}

TEST_P(CollectiveFolding, AgreesWithAllRanksOnFabrics) {
  int built = 0;
  int folded = 0;
  for (unsigned seed = GetParam() * kBlock; seed < (GetParam() + 1) * kBlock; ++seed) {
    const Scene scene = random_scene(seed, true);
    if (scene.calls.empty()) {
      continue;
    }
    try {
      folded += expect_same(scene) ? 1 : 0;
      ++built;
    } catch (const BrokenClaim& claim) {
      ADD_FAILURE() << scene.text << claim.what();
    } catch (const InputError&) {
      continue;  // too many nodes for so few ports, or traffic that divides into no whole parts
    }
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(built, static_cast<int>(kBlock) / 2);
  EXPECT_GT(folded, static_cast<int>(kBlock) / 8);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CollectiveFolding, testing::Range(0U, kBlocks));

}  // namespace
}  // namespace towtank
