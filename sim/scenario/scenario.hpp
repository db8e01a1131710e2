// A question to Towtank, checked and typed. Nothing after this sees TOML.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/base/units.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// The batch grows linearly in tokens from `from` sequences to the plan's batch over `tokens`. Step
/// times of fewer micro-batches than the schedule can run are extrapolated.
struct BatchRamp {
  std::int64_t from = 0;
  double tokens = 0.0;
};

/// The main run: `tokens` at the plan's sequence length and batch.
struct TrainingRun {
  double tokens = 0.0;
  std::optional<BatchRamp> ramp;
};

/// A later phase at another sequence length, simulated like the main run.
struct ContextExtension {
  std::string name;
  std::int64_t sequence = 0;
  std::int64_t batch = 0;  // sequences a step
  std::int64_t steps = 0;
  int context = 1;  // ranks that share one sequence
};

/// A phase whose cost is stated by its source, not simulated.
struct StatedPhase {
  std::string name;
  double gpu_hours = 0.0;
  std::string source;
};

/// A published figure to hold the projection against; `metric` is a path in the JSON output
/// ("step.seconds").
struct PublishedFigure {
  std::string metric;
  double value = 0.0;
  std::string source;
};

/// What a GPU costs per hour.
struct GpuPrice {
  std::string name;  // of the price list
  Price per_gpu;
  std::string source;
  std::string date;
};

/// Another job on the same cluster at the same time.
struct NeighbourJob {
  std::string name;  // of its scenario
  Architecture model;
  TrainingPlan plan;
  std::vector<int> nodes;  // of the whole cluster
};

/// One value of the scenario as text, for showing what differs between two of them.
struct ScenarioEntry {
  std::string key;    // "plan.pipeline"
  std::string value;  // "16"
  Place place;        // of the value; of the table around it when it is derived or a default
};

struct Scenario {
  std::string path;  // of the file, as the user named it
  std::string name;  // the file's name without directory and ending
  std::string title;
  Architecture model;
  Cluster whole_cluster;   // all its nodes
  std::vector<int> nodes;  // of them, the job's
  Cluster cluster;         // the job's part of it: the whole, or placed on it
  TrainingPlan plan;
  std::vector<NeighbourJob> neighbours;
  TrainingRun run;
  std::vector<ContextExtension> extensions;
  std::vector<StatedPhase> stated;
  std::vector<PublishedFigure> published;
  GpuPrice price;
  std::vector<ScenarioEntry> entries;  // every value in force, sorted by key
  std::vector<std::string> overrides;  // keys set on the command line, each once
  std::vector<Diagnostic> warnings;    // what the files say and is ignored
};

/// A `--set key=value` of the command line.
struct Override {
  std::string key;
  std::string value;  // TOML text; a word that is no TOML value is taken as a string
};

/// Reads a scenario file and the files it is based on, applies the overrides, and checks it. Throws
/// InputError with every mistake found; EnvironmentError when a file cannot be read.
Scenario read_scenario(const std::string& path, const std::vector<Override>& overrides);

/// Where the value of an entry stands; the scenario file as a whole when there is no such entry.
Place place_of(const Scenario& scenario, std::string_view key);

}  // namespace towtank
