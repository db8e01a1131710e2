// What one collective of 64 MiB alone costs to simulate, contention modelled. Targets: all-to-all
// of 512 GPUs 0.05 s, of 2,048 0.5 s; ring all-reduce of 2,048 0.1 s. Run by tools/bench.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "sim/base/error.hpp"
#include "sim/collective/choose.hpp"
#include "sim/collective/pair_bytes.hpp"
#include "sim/engine/collective_run.hpp"
#include "sim/graph/port_speeds.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/cluster_file.hpp"

namespace towtank {
namespace {

const std::string kRoot = TOWTANK_SOURCE_DIR;

const Profile& h800() {
  static const Profile kProfile = read_profile(kRoot + "/profiles", "h800-sxm");
  return kProfile;
}

/// The 2,048 H800s; on a plain fat tree of two tiers whose leaves have half the cables upwards, or
/// on a network whose switches are never full.
Cluster cluster_of(bool crowded) {
  std::vector<Override> overrides;
  if (crowded) {
    overrides.push_back({.key = "cluster.fabric.oversubscription", .value = "2.0"});
    overrides.push_back({.key = "cluster.fabric.routing", .value = "adaptive"});
  }
  return read_cluster_file(kRoot + (crowded ? "/scenarios/fabrics/fat-tree-2048.toml"
                                            : "/scenarios/clusters/h800-2048.toml"),
                           overrides);
}

std::vector<Member> first_gpus(const Cluster& cluster, int ranks) {
  std::vector<Member> members;
  members.reserve(static_cast<std::size_t>(ranks));
  for (int gpu = 0; gpu < ranks; ++gpu) {
    members.push_back(
        {.gpu = gpu, .node = gpu / cluster.gpus_per_node, .place = gpu % cluster.gpus_per_node});
  }
  return members;
}

/// The movement is part of what is timed, as it is of the question.
void run(benchmark::State& state, Collective kind, Algorithm algorithm, bool crowded) {
  const Cluster cluster = cluster_of(crowded);
  const CollectiveCall call{.kind = kind,
                            .bytes = 64 * MiB,
                            .members = first_gpus(cluster, static_cast<int>(state.range(0)))};
  const PortSpeeds speeds = port_speeds(cluster);
  std::int64_t classes = 0;
  Seconds time;
  while (state.KeepRunning()) {
    const auto fabric = cluster.fabric ? std::make_unique<FabricWires>(cluster) : nullptr;
    const Chosen chosen = choose(call, h800(), speeds, {.algorithm = algorithm});
    if (!chosen.choice) {
      throw BrokenClaim(chosen.why_not);
    }
    const GroupCall group{
        .members = call.members, .movement = chosen.choice->movement, .cost = chosen.choice->cost};
    const CollectiveRun done = run_collectives(cluster, fabric.get(), {&group, 1});
    classes = done.classes;
    time = done.time;
  }
  state.counters["classes"] = static_cast<double>(classes);
  state.counters["simulated_s"] = time.si();
}

void all_to_all(benchmark::State& state) {
  run(state, Collective::kAllToAll, Algorithm::kDirect, false);
}
BENCHMARK(all_to_all)->Arg(512)->Arg(2048)->Unit(benchmark::kMillisecond);

void all_to_all_on_an_oversubscribed_tree(benchmark::State& state) {
  run(state, Collective::kAllToAll, Algorithm::kDirect, true);
}
BENCHMARK(all_to_all_on_an_oversubscribed_tree)->Arg(512)->Arg(2048)->Unit(benchmark::kMillisecond);

void ring_all_reduce(benchmark::State& state) {
  run(state, Collective::kAllReduce, Algorithm::kRing, false);
}
BENCHMARK(ring_all_reduce)->Arg(512)->Arg(2048)->Unit(benchmark::kMillisecond);

void ring_all_reduce_on_an_oversubscribed_tree(benchmark::State& state) {
  run(state, Collective::kAllReduce, Algorithm::kRing, true);
}
BENCHMARK(ring_all_reduce_on_an_oversubscribed_tree)->Arg(2048)->Unit(benchmark::kMillisecond);

/// Every pair has a size of its own, of 64 MiB a member on average.
void all_to_all_of_unequal_sizes(benchmark::State& state) {
  const auto ranks = static_cast<int>(state.range(0));
  const Cluster cluster = cluster_of(false);
  std::mt19937 random(1);
  PairMatrix pairs{.members = ranks, .bytes = {}};
  for (int i = 0; i < ranks * ranks; ++i) {
    const double factor = static_cast<double>(random() % 2000) / 1000.0;
    pairs.bytes.push_back(64 * MiB / static_cast<double>(ranks) * factor);
  }
  const std::vector<Member> members = first_gpus(cluster, ranks);
  const NetworkCost* const cost = find_cost(h800().network, Pattern::kPairs, Protocol::kSimple);
  if (cost == nullptr) {
    throw BrokenClaim("the profile knows what pairs cost");
  }
  CollectiveRun done;
  while (state.KeepRunning()) {
    const GroupCall group{
        .members = members, .movement = pair_movement(pairs, members), .cost = *cost};
    done = run_collectives(cluster, nullptr, {&group, 1});
  }
  state.counters["flows"] = static_cast<double>(done.flows);
  state.counters["grain"] = done.grain;
  state.counters["simulated_s"] = done.time.si();
}
BENCHMARK(all_to_all_of_unequal_sizes)
    ->Arg(64)
    ->Arg(512)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace towtank
