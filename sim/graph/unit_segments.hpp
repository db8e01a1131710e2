// The parts of one unit of a stage: runs of kernels, and what the ranks that share its columns send
// each other in between.
#pragma once

#include <optional>
#include <vector>

#include "sim/collective/collective.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/model/architecture.hpp"
#include "sim/model/layer_ops.hpp"
#include "sim/plan/stages.hpp"

namespace towtank {

/// A collective that kernels of a layer wait for, among the ranks that share the layer.
struct LayerCollective {
  Collective kind = Collective::kAllGather;
  Bytes bytes;  // nccl-tests' size
  CollectiveScope scope = CollectiveScope::kTensor;

  friend auto operator<=>(const LayerCollective&, const LayerCollective&) = default;
};

/// What a collective runs beside, cut into pieces: the piece of its part before it or after it,
/// which is a GEMM.
enum class Beside { kNothing, kPrevious, kNext };

/// A run of kernels, or a collective.
struct Piece {
  int segment = -1;  // into OpGraph::segments; -1: a collective
  LayerCollective collective = {};
  Beside beside = Beside::kNothing;
};

/// In the order in which it runs.
using Part = std::vector<Piece>;

/// The parts of a unit, empty where it has none. A layer is attention (with what precedes the
/// dispatch) and MLP; embedding and head have only an MLP part.
struct UnitParts {
  Part attention_forward;
  Part mlp_forward;
  Part mlp_input_gradient;
  Part mlp_weight_gradient;
  Part attention_input_gradient;
  Part attention_weight_gradient;
};

/// How a unit's parts are cut up.
struct UnitCut {
  bool shares_gpu = false;        // kernels run beside communication kernels
  bool overlaps_columns = false;  // plan.overlap.tensor
};

/// Appends the segments of a unit to `segments` and returns its parts.
UnitParts add_unit_parts(const Unit& unit,
                         const Architecture& model,
                         const TokenShard& shard,
                         const Recipe& recipe,
                         const UnitCut& cut,
                         std::vector<Segment>& segments);

/// Collectives of a unit in all of its parts, in their order.
std::vector<LayerCollective> collectives_of(const Unit& unit,
                                            const Architecture& model,
                                            const TokenShard& shard,
                                            const Recipe& recipe);

}  // namespace towtank
