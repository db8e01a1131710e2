// Collectives in which all members move at one rate: pipelined rings, whose slowest link paces all.
#pragma once

#include <vector>

#include "sim/base/vocabulary.hpp"
#include "sim/graph/fabric_hops.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// The wires that one flow for a whole group fills: of every member's port of this medium, out and
/// in, `copies` shares; and between nodes, of what the ring of its nodes crosses. Folded, the ports
/// of a class are one. Throws BrokenClaim when the classes are not those of an equitable partition.
std::vector<Hop> coupled_hops(const JobLayout& job,
                              const OpGraph& graph,
                              const FabricHops& fabric,
                              const std::vector<int>& group,
                              Medium medium,
                              int copies);

}  // namespace towtank
