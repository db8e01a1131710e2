// The convoys of a phase: what moves in step, and how many equal parts of it each port carries.
//
// A pipelined algorithm passes chunk after chunk along all of its links. A link that is slower, or
// shared, holds up the chunks behind it and starves the links after it, so that all links of a
// medium progress at one pace, that of the slowest. (Training steps treat their rings in the same
// way: sim/graph/coupled_flow.hpp.) What a link carries is in proportion to its bytes in the whole
// call: a whole number of equal parts. NVLink and network cards have buffers of chunks between
// them, and each medium its own pace; the later of the two ends the phase.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/collective/movement.hpp"

namespace towtank {

/// The deliveries of one convoy over one medium.
struct Convoy {
  /// A link, with `parts` times the bytes of a part. Ends as in Delivery.
  struct Leg {
    int from = 0;
    int to = 0;
    int parts = 1;
  };
  Medium medium = Medium::kNvlink;
  Bytes part;
  std::vector<Leg> legs;
};

/// The convoys of a phase, by number and medium; deliveries by themselves are left out. Linear in
/// the deliveries. BrokenClaim when bytes of one convoy are no multiples of a common part.
std::vector<Convoy> convoys(const MovementPhase& phase);

/// Parts that a member sends and receives in a convoy.
struct MemberParts {
  int member = 0;
  int sent = 0;
  int received = 0;
};

/// Of the members at an end of any link, ascending.
std::vector<MemberParts> parts_of_members(const Convoy& convoy);

/// The same of all `members`, those that take no part included.
struct ConvoyParts {
  std::vector<int> sent;
  std::vector<int> received;
};
ConvoyParts parts_of_members(const Convoy& convoy, std::size_t members);

}  // namespace towtank
