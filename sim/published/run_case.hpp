// One row of a table of runs, answered: projected and held against what was measured, or why not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/profile/kernel_times.hpp"
#include "sim/published/measured.hpp"
#include "sim/published/published_run.hpp"
#include "sim/published/run_scenario.hpp"

namespace towtank {

/// Times are of a step.
struct RunCase {
  std::string id;
  std::string source;
  std::string model;
  std::string gpu;
  std::string precision;
  std::int64_t gpus = 0;  // 0: not told
  std::string stack;      // empty where there is no scenario
  std::string plan;       // "tp8 pp8 vp6 cp1 ep1 dp4 mbs1"; empty likewise
  Measured against = Measured::kNothing;
  bool in_scope = false;     // an NVIDIA GPU, and a step time or tokens a second
  double step_tokens = 0.0;  // of all GPUs; 0 where there is no scenario
  std::optional<Seconds> measured;
  std::optional<Seconds> projected;
  Seconds low;  // of the 90% range
  Seconds high;
  std::string reason;  // why there is no projection
  std::vector<std::string> assumptions;

  /// Relative to the measured time; above zero: the projection is slower.
  std::optional<double> error() const {
    return measured && projected ? std::optional(*projected / *measured - 1.0) : std::nullopt;
  }
};

/// Whether a GPU's name is not that of another maker's.
bool is_nvidia(const std::string& gpu);

/// What a row says, without an answer yet.
RunCase case_of_row(const PublishedRun& run);

/// Kernel times of the profiles that rows share.
class KernelTimesOfProfiles {
 public:
  const KernelTimes& of(const Profile& profile);

 private:
  std::map<const Profile*, std::unique_ptr<const KernelTimes>> known_;
};

/// The row, answered. Never throws for what the row is: the reason says it.
RunCase answer(const PublishedRun& run, const RunLibrary& library, KernelTimesOfProfiles& kernels);

}  // namespace towtank
