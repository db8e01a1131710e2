// Wires that a timeline calls alike: the ports of one medium, and the fabric's of one name.
#pragma once

#include <string>
#include <vector>

#include "sim/base/vocabulary.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

struct WireKind {
  std::string name;  // "nic", "leaf up", ...
  Medium medium = Medium::kNic;
};

/// In the order in which the graph has the first of each: ports, then the fabric's.
struct WireKinds {
  std::vector<WireKind> kinds;
  int ports = 0;             // of the kinds, those of ports
  std::vector<int> of_wire;  // (wires of the graph): into kinds
};

WireKinds wire_kinds(const OpGraph& graph);

}  // namespace towtank
