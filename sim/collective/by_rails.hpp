// All-to-all on a network that joins only cards of one rail: what leaves its rail is passed on over
// NVLink.
#pragma once

#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"

namespace towtank {

/// Whether the cluster's network joins only cards at equal places of their nodes.
bool joins_rails_only(const Cluster& cluster);

/// The phase with every exchange over the network, whose members sit at the same places of as many
/// nodes each, divided by rails: over the network to the place of the sender (or from that of the
/// receiver, which moves the same) on the receiver's node, with all that is for this node; and over
/// NVLink from there. Both flow at once. Exchanges on one rail, and those whose members sit
/// unevenly, stay as they are.
MovementPhase by_rails(MovementPhase phase, const std::vector<Member>& members);

}  // namespace towtank
