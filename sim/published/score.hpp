// How well projections of many runs do: errors, bias, ranges, coverage, and the order of plans.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sim/published/run_case.hpp"

namespace towtank {

/// Of cases with an error. Errors are signed and relative to what was measured; statistics of none
/// are 0.
struct ErrorStatistics {
  std::size_t cases = 0;
  double median_abs = 0.0;
  double mean_abs = 0.0;
  double bias = 0.0;  // mean of the signed errors
  double p90_abs = 0.0;
  double inside_range = 0.0;  // of 1: measured within the projection's 90% range
};

ErrorStatistics statistics_of(const std::vector<const RunCase*>& cases);

/// Statistics of the cases that have something in common.
struct CaseGroup {
  std::string name;
  std::size_t rows = 0;  // in scope, projected or not
  ErrorStatistics errors;
};

/// The same model on as many of the same GPUs by the same source, with different plans.
struct Sweep {
  std::string source;
  std::string model;
  std::string gpu;
  std::int64_t gpus = 0;
  std::size_t cases = 0;
  double spearman = 0.0;  // of projected and measured tokens a second
};

inline constexpr std::size_t kFewestPlans = 4;  // of a sweep

struct Score {
  std::size_t table_rows = 0;
  std::size_t rows = 0;             // in scope: NVIDIA GPUs with a step time or tokens a second
  std::size_t covered = 0;          // of them, projected
  ErrorStatistics errors;           // of these
  std::size_t efficiency_rows = 0;  // NVIDIA GPUs with TFLOPS or MFU alone
  ErrorStatistics efficiency;       // of these
  std::vector<Sweep> sweeps;        // in the order of the table
  std::optional<double> median_spearman;
  std::vector<CaseGroup> by_gpu;  // largest first
  std::vector<CaseGroup> by_source;
  std::vector<CaseGroup> by_stack;

  double coverage() const {
    return rows == 0 ? 0.0 : static_cast<double>(covered) / static_cast<double>(rows);
  }
};

Score score_of(const std::vector<RunCase>& cases);

}  // namespace towtank
