// Writes the chunks of a schedule: every rank's program, connected through what they send each
// other.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "sim/graph/graph_writer.hpp"

namespace towtank {

/// For each (simulated rank, stage): the last kernel that adds to the stage's gradients there.
using GradientsReady = std::map<std::pair<int, int>, Vertex>;

/// Writes the programs of all simulated ranks.
GradientsReady write_chunks(GraphWriter& writer);

}  // namespace towtank
