// Which wires of a fabric can ever be full. The others bind no flow under max-min fairness, so that
// leaving them out changes nothing, and ranks that differ in them alone stay in one class.
#pragma once

#include <vector>

#include "sim/base/units.hpp"
#include "sim/graph/rank_classes.hpp"

namespace towtank {

/// For each wire of the relations: false when the ports through which all that is sent over it
/// leaves its senders, or all through which it reaches its receivers, together carry no more than
/// it does, each by the greatest share that any of its sendings has there. `ports` are all ranks'
/// ports, as OpGraph::wires has them; `capacities` are the wires'; shares are in parts of `units`.
/// Linear in the sendings.
std::vector<bool> can_be_full(const RankRelations& relations,
                              const std::vector<Bandwidth>& ports,
                              const std::vector<Bandwidth>& capacities,
                              int units);

/// Takes the crossings of wires that cannot be full out of the relations.
void leave_out(const std::vector<bool>& can_be_full, RankRelations& relations);

}  // namespace towtank
