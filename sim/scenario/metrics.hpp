// The figures of a projection that a scenario may hold against published ones.
#pragma once

#include <string>
#include <vector>

namespace towtank {

/// Paths of the numbers in the JSON result ("step.seconds"), and beyond them the totals of all
/// phases
/// ("extension.gpu_hours", "total.gpu_hours", "total.dollars") and the overlapped forward-backward
/// pair of four expert layers on one GPU ("pair.seconds").
const std::vector<std::string>& published_metrics();

}  // namespace towtank
