// What it takes to simulate a job, and what it would take without folding its ranks.
#pragma once

#include "sim/graph/op_graph.hpp"

namespace towtank {

/// How many activities (segments and flows) the unfolded graph of the same step has, told from the
/// folded one: every node is there once for each rank it stands for, every copy of a flow by
/// itself.
double unfolded_activities(const OpGraph& folded);

/// How many the graph itself has.
double simulated_activities(const OpGraph& graph);

}  // namespace towtank
