// Numbers of software stacks, fitted to measured runs.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/published/fit_numbers.hpp"
#include "sim/published/stack_numbers.hpp"

namespace towtank {

/// Errors of projected over measured time, minus one.
struct FitErrors {
  std::size_t rows = 0;
  double median_abs = 0.0;
  double mean_abs = 0.0;
  double bias = 0.0;  // their mean
  double p90_abs = 0.0;
};

struct StackFit {
  std::string stack;
  std::size_t groups = 0;  // of rows that are left out together
  StackNumbers numbers;
  std::map<std::string, StackNumbers> on_gpu;  // profiles with a compute_slowdown of their own
  std::vector<StackNumber> fitted;             // the others are as they were
  std::vector<StackNumber> untold;             // of these; rows say less than was known before
  FitErrors before;                            // with the numbers the rows came with
  FitErrors after;
  FitErrors left_out;  // each row by numbers fitted to others
  double error = 0.0;  // 90% of |log(measured / projected)| of the rows left out are below
};

struct FitOfStacks {
  std::vector<StackFit> stacks;  // those with rows, by name
  FitErrors before;
  FitErrors after;
  FitErrors left_out;
};

/// Projected step times of every row with each of the numbers given for it. None for a row that
/// cannot be projected, which then is left out.
using Projector = std::function<std::vector<std::vector<Seconds>>(
    const std::vector<std::vector<StackNumbers>>& of_rows)>;

/// Robust least squares of log(measured / projected) with weak priors: Gauss and Newton's method,
/// derivatives by finite differences of projections, all stacks in step with each other. Rows of
/// one family share the weight of the root of their number. Rows are left out in five parts, whole
/// groups, of the projections made linear around the solution.
FitOfStacks fit_stacks(const std::vector<FitRow>& rows, const Projector& projector);

}  // namespace towtank
