// Executes exchanges of very many unlike flows, with rates that are adapted now and then instead of
// at every flow's end.
#pragma once

#include "sim/engine/execute.hpp"
#include "sim/engine/workload.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Whether a graph's traffics wait for nothing, and are too many unlike flows for execute(): each
/// end of one of a quarter of a million flows changes nearly all rates.
bool wants_coarse_execution(const OpGraph& graph);

/// As execute(), for a graph of traffics that wait for nothing. Rates hold for at least `grain` of
/// the least time that the fullest wire needs: what a flow leaves free when it ends in between
/// stays unused until then. No wire carries more than it can, every byte arrives, and the whole
/// takes at least as long as its fullest wire; against adapting at every end it comes out about
/// `grain` longer.
Execution execute_coarsely(const OpGraph& graph, const Workload& workload, double grain);

}  // namespace towtank
