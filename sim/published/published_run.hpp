// One measured training run as a row of a table says it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"

namespace towtank {

/// The columns of a table of runs, which may stand in any order. Sizes are in billions.
inline constexpr std::array<std::string_view, 25> kRunColumns = {"id",
                                                                 "source",
                                                                 "model",
                                                                 "params_total_B",
                                                                 "params_active_B",
                                                                 "gpu",
                                                                 "n_gpus",
                                                                 "precision",
                                                                 "seq_len",
                                                                 "global_batch",
                                                                 "micro_batch",
                                                                 "tp",
                                                                 "pp",
                                                                 "vp",
                                                                 "cp",
                                                                 "ep",
                                                                 "dp",
                                                                 "recompute",
                                                                 "step_time_s",
                                                                 "tflops_per_gpu",
                                                                 "mfu_pct",
                                                                 "tokens_per_s_per_gpu",
                                                                 "gpu_hours",
                                                                 "usd",
                                                                 "confidence"};

/// Blank cells are nothing. `vp` is the number of virtual stages a pipeline rank; `dp` leaves
/// context ranks out, unlike TrainingPlan::data.
struct PublishedRun {
  Place place;                     // of the row
  std::vector<std::string> cells;  // (kRunColumns) as they are written
  std::string id;
  std::string source;
  std::string model;
  std::string gpu;
  std::string precision;
  std::string recompute;
  std::string confidence;  // remarks of whoever wrote the table
  std::optional<double> total_parameters;
  std::optional<std::int64_t> gpus;
  std::optional<std::int64_t> sequence;
  std::optional<std::int64_t> batch;
  std::optional<std::int64_t> micro_batch;
  std::optional<std::int64_t> tensor;
  std::optional<std::int64_t> pipeline;
  std::optional<std::int64_t> interleave;
  std::optional<std::int64_t> context;
  std::optional<std::int64_t> expert;
  std::optional<std::int64_t> data;
  std::optional<double> step_seconds;
  std::optional<double> teraflops;          // a GPU, as the source counts
  std::optional<double> mfu;                // of 1, as the source counts
  std::optional<double> tokens_per_second;  // a GPU
  std::vector<std::string> mistakes;        // of its cells; such a row is not used
};

/// The index of a column among kRunColumns; nothing for another name.
std::optional<std::size_t> run_column(std::string_view name);

}  // namespace towtank
