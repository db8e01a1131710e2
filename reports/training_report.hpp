// Everything a training projection says, as data: what text, JSON and comparisons are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/groups_report.hpp"
#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/cost/run_cost.hpp"
#include "sim/result/critical_path.hpp"
#include "sim/result/phases.hpp"

namespace towtank {

struct StepReport {
  Seconds time;
  Seconds low;  // 90% range, from the errors of kernel and link times on the critical path
  Seconds high;
  double tokens = 0.0;
  double tokens_per_second_per_gpu = 0.0;
  double tokens_per_day = 0.0;  // of the whole job
};

struct EfficiencyReport {
  FlopRate per_gpu_causal;
  FlopRate per_gpu_full;    // full score matrix
  double mfu_causal = 0.0;  // of the dense BF16 peak
  double mfu_full = 0.0;
};

/// Another job on the same fabric.
struct NeighbourReport {
  std::string name;  // of its scenario
  int nodes = 0;
  int gpus = 0;
};

/// What the other jobs on the fabric cost the step. All other figures are of the job alone.
struct NeighboursReport {
  std::vector<NeighbourReport> jobs;
  Seconds beside;         // the step while they run
  double slowdown = 1.0;  // of the step alone
  int classes = 0;        // of all jobs' ranks
};

/// Phases of one pipeline rank.
struct RankReport {
  int pipeline = 0;
  std::int64_t ranks = 1;  // of the cluster that behave so
  PhaseTimes phases;
  Bytes peak_memory;
};

/// The name of the first phase of training.
inline constexpr const char* kMainRun = "main run";

/// The phase and pipeline rank that need most.
struct MemoryReport {
  Bytes peak;
  Bytes capacity;
  bool fits = true;
  std::string phase = kMainRun;                        // of training, as its costs name it
  int pipeline = 0;                                    // the pipeline rank with the peak
  std::string moment = {};                             // of its step: what it computes then
  std::vector<std::pair<std::string, Bytes>> classes;  // of that rank, largest first
  std::vector<std::string> fix = {};  // the cheapest settings that make it fit, where it does not
};

/// Mean load of one kind of link over the step: of ports of a medium, or of wires of the fabric
/// that can be full. A direction counts as a link.
struct LinkReport {
  std::string name;               // "nvlink", "nic", "leaf up", ...
  std::optional<int> pipeline;    // the pipeline rank whose port is busiest; none: of the fabric
  double utilisation = 0.0;       // of the busiest
  Bytes carried;                  // through it in a step, protocol overhead included
  Bandwidth capacity;             // of it
  int cables = 1;                 // that it is made of
  std::int64_t links = 1;         // there are
  std::int64_t as_busy = 1;       // of them, as busy as the busiest
  double mean_utilisation = 0.0;  // of all of them
  Seconds limits = {};            // time on the critical path that is due to them
};

/// The overlapped pair of chunks of stages of MoE layers only.
struct PairReport {
  Seconds time;    // zero when the schedule overlaps nothing
  int layers = 0;  // of each of the two chunks
};

struct EngineReport {
  double wall_seconds = 0.0;  // of the whole command's simulations
  std::int64_t activities = 0;
  int gpus = 0;
  int classes = 0;
  bool folded = true;
};

/// A published figure beside ours; `metric` is the path in the JSON output.
struct PublishedComparison {
  std::string metric;
  double published = 0.0;
  std::optional<double> projected;  // none when the projection has nothing of the kind
  std::string source;

  /// Relative to the published figure.
  std::optional<double> miss() const {
    return projected ? std::optional(*projected / published - 1.0) : std::nullopt;
  }
};

/// How the kernel times of one step are known: share of the critical path's kernel time by origin.
struct OriginShare {
  std::string origin;  // "measured", "scaled", ...
  double share = 0.0;
};

/// One value of the scenario as text.
struct InputEntry {
  std::string key;
  std::string value;
};

struct TrainingReport {
  std::string scenario;  // name
  std::string title;
  std::string
      plan;  // one line: "PP16 x DP128 (EP64), dualpipe, 120 micro-batches of 1 x 4,096 tokens"
  std::string gpu;
  StepReport step;
  std::optional<NeighboursReport> neighbours;
  PhaseTimes phases;  // of the first pipeline rank, which holds embedding, head or both
  PhaseTimes mean_phases;
  std::vector<RankReport> ranks;
  std::vector<CriticalShare> critical_path;
  std::vector<OriginShare> origins;
  EfficiencyReport efficiency;
  MemoryReport memory;
  std::vector<LinkReport> links;
  GridReport grid;
  std::vector<GroupReport> groups;  // what they move in a step of the main run
  PairReport pair;
  RunCost run;                              // the main run
  std::vector<RunCost> phases_of_training;  // main run, context extension, stated phases
  double extension_gpu_hours = 0.0;         // of all context extensions together
  double total_gpu_hours = 0.0;
  Dollars total_dollars;
  std::string price_source;
  Price price;
  std::vector<PublishedComparison> published;
  EngineReport engine;
  std::vector<InputEntry> inputs;      // every value in force, sorted
  std::vector<std::string> overrides;  // keys of `--set`, each once
};

}  // namespace towtank
