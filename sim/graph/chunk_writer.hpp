// Writes the chunks of a schedule: every rank's program, connected through what they send each
// other.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "sim/graph/graph_writer.hpp"

namespace towtank {

/// A stage's gradients on a rank.
struct StageGradients {
  Vertex ready = 0;      // the last kernel that adds to them, or their last reduction
  bool reduced = false;  // unit by unit, while the chunks ran
};

/// By (simulated rank, stage).
using GradientsReady = std::map<std::pair<int, int>, StageGradients>;

/// Writes the programs of all simulated ranks.
GradientsReady write_chunks(GraphWriter& writer);

}  // namespace towtank
