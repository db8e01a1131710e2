// Executes exchanges of many unlike flows; of very many with rates that are adapted now and then
// instead of at every flow's end.
#pragma once

#include <optional>

#include "sim/engine/execute.hpp"
#include "sim/engine/workload.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// The grain at which to execute a graph here: its traffics wait for nothing, and each end of one
/// of its many unlike flows changes nearly all rates. 0, exactly, for up to 4,100 flows. None:
/// execute() is faster, or alone possible.
std::optional<double> grain_of(const OpGraph& graph);

/// As execute(), for a graph of traffics that wait for nothing. Rates hold for at least `grain` of
/// the least time that the fullest wire needs: what a flow leaves free when it ends in between
/// stays unused until then. No wire carries more than it can, every byte arrives, and the whole
/// takes at least as long as its fullest wire; against adapting at every end it comes out about
/// `grain` longer. With grain 0 rates are adapted at every end.
Execution execute_coarsely(const OpGraph& graph, const Workload& workload, double grain);

}  // namespace towtank
