// Whether a fabric is what it says: ports, reach, oversubscription; and how evenly its routing
// loads its links.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/cluster/fabric.hpp"
#include "sim/cluster/topology_summary.hpp"

namespace towtank {

/// One claim about the fabric, and whether it holds.
struct TopologyClaim {
  bool holds = true;
  std::string text;
};

/// The network's links under a pattern of traffic in which every card sends at its full speed.
struct PatternLoad {
  std::string pattern;
  RoutingRule rule = RoutingRule::kAdaptive;
  /// Traffic over capacity of the busiest link (cards' own links included, so never below 1 where
  /// all cards send); above 1 it is how much longer the pattern takes. Nothing: not counted.
  std::optional<double> busiest = {};
  std::string link = {};    // which one, "leaf3 to spine1"
  std::string remark = {};  // why it was not counted, or that it was sampled
};

struct TopologyCheck {
  std::vector<TopologyClaim> claims;
  std::vector<PatternLoad> loads;  // for each pattern all four rules, in the order of RoutingRule

  bool holds() const;
};

/// The claims: no switch uses more ports than the radix; every GPU reaches every other; no tier is
/// more oversubscribed than stated.
std::vector<TopologyClaim> check_structure(const Fabric& fabric, const TopologySummary& summary);

/// The loads: all cards to all; every node to the next, to the node half the cluster away, and to
/// another by a random permutation, card by card of the same index. Large networks are sampled.
std::vector<PatternLoad> pattern_loads(const Fabric& fabric);

TopologyCheck check_topology(const Fabric& fabric, const TopologySummary& summary);

}  // namespace towtank
