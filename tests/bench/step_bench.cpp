// What one projection costs, part by part. Run by tools/bench.
#include <string>

#include <benchmark/benchmark.h>

#include "sim/engine/simulate.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/graph/training_relations.hpp"
#include "sim/graph/training_step.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {
namespace {

const std::string kRoot = TOWTANK_SOURCE_DIR;

const Scenario& deepseek_v3() {
  static const Scenario kScenario = read_scenario(kRoot + "/scenarios/deepseek-v3-h800.toml", {});
  return kScenario;
}

const Profile& h800() {
  static const Profile kProfile = read_profile(kRoot + "/profiles", "h800-sxm");
  return kProfile;
}

void read_scenario_and_profile(benchmark::State& state) {
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(read_scenario(kRoot + "/scenarios/deepseek-v3-h800.toml", {}));
    benchmark::DoNotOptimize(read_profile(kRoot + "/profiles", "h800-sxm"));
  }
}
BENCHMARK(read_scenario_and_profile)->Unit(benchmark::kMillisecond);

void fold_2048_ranks(benchmark::State& state) {
  const Scenario& scenario = deepseek_v3();
  const JobLayout job = cut_up(scenario.model, scenario.plan, scenario.cluster, h800());
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(equitable_partition(training_relations(job)));
  }
}
BENCHMARK(fold_2048_ranks)->Unit(benchmark::kMillisecond);

void lower_step(benchmark::State& state) {
  const Scenario& scenario = deepseek_v3();
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(lower_training_step(
        scenario.model, scenario.plan, scenario.cluster, h800(), Folding::kFolded));
  }
}
BENCHMARK(lower_step)->Unit(benchmark::kMillisecond);

void simulate_step(benchmark::State& state) {
  const Scenario& scenario = deepseek_v3();
  const OpGraph graph = lower_training_step(
      scenario.model, scenario.plan, scenario.cluster, h800(), Folding::kFolded);
  const Simulation simulation{
      .graph = &graph, .profile = &h800(), .communication_sms = scenario.plan.communication_sms};
  double activities = 0.0;
  while (state.KeepRunning()) {
    activities += static_cast<double>(simulate(simulation).activities);
  }
  state.counters["activities"] = activities / static_cast<double>(state.iterations());
  state.counters["activities/s"] = benchmark::Counter(activities, benchmark::Counter::kIsRate);
}
// The simulation runs in a worker process: only real time sees it.
BENCHMARK(simulate_step)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace towtank

BENCHMARK_MAIN();
