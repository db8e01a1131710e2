// The plan of a row whose cells leave it open: candidates in order of preference, and the first
// that divides and fits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// What may be chosen; one entry where the row says it.
struct PlanOptions {
  std::vector<int> tensor;
  std::vector<int> pipeline;
  std::vector<int> context;
  std::vector<int> expert;
  std::vector<int> expert_tensor;
  std::vector<int> interleave;  // 1: the schedule of `base`
  std::optional<std::int64_t> micro_batch;
  std::vector<Recompute> recompute;
  int layers_per_stage = 0;  // where above 0, `interleave` is what gives stages so many layers
  bool even_stages = true;
};

struct ChosenPlan {
  TrainingPlan plan;
  bool fits = true;
};

/// The first plan of `base` with these options, on so many GPUs, that divides and fits `memory`.
/// Preferred is what recomputes less, then what shares layers among fewer ranks, fewer of them
/// pipeline ranks. Where none fits, the one nearest to it, with the least recomputation there is.
/// Sharded parameters (ZeRO-3) stay gathered in pipelines, which is ZeRO-2. Nothing when none
/// divides: then `problem` says why the last one did not.
std::optional<ChosenPlan> choose_plan(const Architecture& model,
                                      const TrainingPlan& base,
                                      const PlanOptions& options,
                                      int gpus,
                                      Bytes memory,
                                      std::string& problem);

/// Why a plan cannot be laid out ("64 heads do not divide over 3 tensor ranks"), or nothing.
std::optional<std::string> plan_problem(const Architecture& model,
                                        const TrainingPlan& plan,
                                        int gpus);

}  // namespace towtank
