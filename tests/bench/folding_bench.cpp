// What folding saves: a step like DeepSeek-V3's of which every GPU is simulated by itself, and
// folded. Run by tools/bench.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/graph/training_step.hpp"
#include "sim/profile/profile.hpp"
#include "sim/result/phases.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {
namespace {

const std::string kRoot = TOWTANK_SOURCE_DIR;

/// DeepSeek-V3's plan with 4 layers on 2 pipeline ranks and 4 micro-batches: little enough for
/// every GPU by itself, and as many flows at once as the whole model has.
Scenario short_step(std::int64_t gpus) {
  const std::string sequences = std::to_string(2 * gpus);
  return read_scenario(kRoot + "/scenarios/deepseek-v3-h800.toml",
                       {{.key = "cluster.nodes", .value = std::to_string(gpus / 8)},
                        {.key = "plan.pipeline", .value = "2"},
                        {.key = "model.layers", .value = "4"},
                        {.key = "training.batch", .value = sequences},
                        {.key = "training.ramp.from", .value = sequences},
                        {.key = "training.extension", .value = "[]"}});
}

double flows_of(const OpGraph& graph) {
  double flows = 0.0;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const Node& node = graph.dependencies[vertex];
    if (node.work == Node::Work::kTraffic) {
      const Traffic& traffic = graph.traffics[static_cast<std::size_t>(node.index)];
      flows += traffic.led_by_another ? 0.0 : static_cast<double>(traffic.flows.size());
    }
  }
  return flows;
}

/// A step laid out, lowered and simulated, and what each took in seconds.
struct TimedStep {
  Timeline timeline;
  double flows = 0.0;
  double lowering = 0.0;
  double simulating = 0.0;

  double all() const { return lowering + simulating; }
};

TimedStep time_step(const Scenario& scenario, Folding folding, Engine engine) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  static const Profile kProfile = read_profile(kRoot + "/profiles", "h800-sxm");
  TimedStep result;
  const Clock::time_point begin = Clock::now();
  const OpGraph graph =
      lower_training_step(scenario.model, scenario.plan, scenario.cluster, kProfile, folding);
  result.lowering = seconds_since(begin);
  result.flows = flows_of(graph);
  const Clock::time_point lowered = Clock::now();
  result.timeline = simulate(Simulation{.graph = &graph,
                                        .profile = &kProfile,
                                        .communication_sms = scenario.plan.communication_sms,
                                        .engine = engine});
  result.simulating = seconds_since(lowered);
  return result;
}

/// Of the step's time and of each phase, the greatest difference relative to the step.
double difference(const Timeline& a, const Timeline& b) {
  const PhaseTimes of_a = mean_phases(a, phase_times(a));
  const PhaseTimes of_b = mean_phases(b, phase_times(b));
  double greatest = std::abs(a.end / b.end - 1.0);
  for (const auto phase : {&PhaseTimes::forward,
                           &PhaseTimes::backward,
                           &PhaseTimes::weight,
                           &PhaseTimes::overlapped,
                           &PhaseTimes::bubble,
                           &PhaseTimes::optimizer,
                           &PhaseTimes::exposed_communication}) {
    greatest = std::max(greatest, std::abs((of_a.*phase - of_b.*phase) / b.end));
  }
  return greatest;
}

/// Every GPU by itself, against the folded step with the same engine.
void every_gpu_by_itself(benchmark::State& state, Engine engine) {
  const Scenario scenario = short_step(state.range(0));
  while (state.KeepRunning()) {
    const TimedStep folded = time_step(scenario, Folding::kFolded, engine);
    const TimedStep whole = time_step(scenario, Folding::kUnfolded, engine);
    check(difference(folded.timeline, whole.timeline) < 1e-9, "folding changes no result");
    state.SetIterationTime(whole.all());
    state.counters["folded_s"] = folded.all();
    state.counters["lowering_s"] = whole.lowering;
    state.counters["speed-up"] = whole.all() / folded.all();
    state.counters["activities"] = static_cast<double>(whole.timeline.activities);
    state.counters["flows"] = whole.flows;
    state.counters["flows/s"] = whole.flows / whole.simulating;
    state.counters["difference"] = difference(folded.timeline, whole.timeline);
  }
}

void unfolded(benchmark::State& state) {
  every_gpu_by_itself(state, Engine::kTowtank);
}
BENCHMARK(unfolded)->Arg(256)->Arg(1024)->Arg(2048)->Iterations(1)->UseManualTime()->Unit(
    benchmark::kSecond);

void unfolded_on_simgrid(benchmark::State& state) {
  every_gpu_by_itself(state, Engine::kSimGrid);
}
BENCHMARK(unfolded_on_simgrid)
    ->Arg(256)
    ->Arg(1024)
    ->Arg(2048)
    ->Iterations(1)
    ->UseManualTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace towtank
