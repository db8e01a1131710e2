// What the switches of the network add up for a convoy: a stream for each rail.
#pragma once

#include <vector>

#include "sim/collective/collective.hpp"
#include "sim/collective/convoys.hpp"
#include "sim/graph/fabric_wires.hpp"

namespace towtank {

/// The members whose data is added to one stream, and copied back to each of them, and how many
/// parts of the convoy it carries.
struct AddedStream {
  std::vector<int> members;  // in the order of the convoy's links
  int parts = 0;
};

/// Rail by rail; none where no end of the convoy is a network switch. BrokenClaim when members of a
/// rail send or receive unequally much.
std::vector<AddedStream> added_streams(const Convoy& convoy);

/// Whether the fabric's switches add up all that a movement of these members wants added
/// (FabricWires::added_up()).
bool can_add_up(const Movement& movement, const std::vector<Member>& members, FabricWires& fabric);

}  // namespace towtank
