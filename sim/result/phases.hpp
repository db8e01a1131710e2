// Where a rank's step went: the phases published training reports print, which sum to the step.
#pragma once

#include <vector>

#include "sim/result/timeline.hpp"

namespace towtank {

/// One rank's step. forward + backward + weight + overlapped + bubble + optimizer = the step.
///
/// A phase holds the compute of its slots and the waiting for the rank's own communication in them;
/// `exposed_communication` says how much of the phases was such waiting (it is not a further
/// summand). Waiting for another pipeline rank, its transfer included, is bubble wherever it
/// occurs.
struct PhaseTimes {
  Seconds forward;
  Seconds backward;
  Seconds weight;
  Seconds overlapped;
  Seconds bubble;
  Seconds
      optimizer;  // gradient reduction not hidden behind compute, optimizer, parameter gathering
  Seconds exposed_communication;

  Seconds sum() const { return forward + backward + weight + overlapped + bubble + optimizer; }
};

/// Phases of every simulated rank. (ranks of the timeline)
std::vector<PhaseTimes> phase_times(const Timeline& timeline);

/// Mean over all ranks of the cluster.
PhaseTimes mean_phases(const Timeline& timeline, const std::vector<PhaseTimes>& of_ranks);

/// The middle (median) duration of the overlapped slots whose stages are both in `stages`, without
/// bubble; zero if there is none. Comparable with one pair of a kernel trace.
Seconds median_overlapped_slot(const Timeline& timeline, const std::vector<int>& stages);

}  // namespace towtank
