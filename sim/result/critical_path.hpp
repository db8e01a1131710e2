// The chain of operations that the step's end waited for, and what it was made of: the reason for a
// step time, and the way kernel errors reach it.
#pragma once

#include <string>
#include <vector>

#include "sim/result/timeline.hpp"

namespace towtank {

/// Time of the critical path due to one cause, and the relative error (at 90%) of that time.
struct CriticalShare {
  std::string cause;
  Seconds time;
  double error = 0.0;
};

/// Shares of the critical path, largest first; they sum to the step. Found by following each
/// event's cause backwards from the last one.
std::vector<CriticalShare> critical_path(const Timeline& timeline);

/// Half-width of the step's 90% range: errors of one cause are taken as fully correlated (they
/// share kernels and measurements), those of different causes as independent.
Seconds error_of(const std::vector<CriticalShare>& shares);

}  // namespace towtank
