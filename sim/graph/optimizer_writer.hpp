// Writes the end of a step: gradients reduced, parameters updated and gathered.
#pragma once

#include "sim/graph/chunk_writer.hpp"
#include "sim/graph/graph_writer.hpp"

namespace towtank {

/// Reduces each stage's gradients once they are ready; when every gradient of the job is there (its
/// norm clips them all) runs the optimizer, gathers parameters if they are sharded, and quantises
/// them.
void write_optimizer(GraphWriter& writer, const GradientsReady& ready);

}  // namespace towtank
