// Fitted numbers of software stacks for machines.
#pragma once

#include <string>

#include "sim/published/stack_fit.hpp"

namespace towtank {

/// One object: the errors over all rows, `before`, `after` and `left_out`, as fractions, and
/// `stacks` with the same of each, its numbers, and those on GPUs that have their own. Numbers that
/// were not fitted are null; launches are in microseconds; `untold` names those that rows hardly
/// tell.
std::string stack_fit_json(const FitOfStacks& fit);

}  // namespace towtank
