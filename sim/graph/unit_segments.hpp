// The segments of one unit of a stage: what runs between two communications.
#pragma once

#include <vector>

#include "sim/graph/op_graph.hpp"
#include "sim/model/architecture.hpp"
#include "sim/model/layer_ops.hpp"
#include "sim/plan/stages.hpp"

namespace towtank {

/// Indices into OpGraph::segments; -1 where a unit has no such part. A layer is attention (with
/// what precedes the dispatch) and MLP; embedding and head have only an MLP part.
struct UnitSegments {
  int attention_forward = -1;
  int mlp_forward = -1;
  int mlp_input_gradient = -1;
  int mlp_weight_gradient = -1;
  int attention_input_gradient = -1;
  int attention_weight_gradient = -1;
};

/// Appends the segments of a unit to `segments` and returns where they are. `shares_gpu`: they run
/// beside communication kernels.
UnitSegments add_unit_segments(const Unit& unit,
                               const Architecture& model,
                               const TokenShard& shard,
                               const Recipe& recipe,
                               bool shares_gpu,
                               std::vector<Segment>& segments);

}  // namespace towtank
