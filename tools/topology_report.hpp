// From a fabric to what the reports print and draw.
#pragma once

#include <string>

#include "reports/topology_report.hpp"
#include "sim/cluster/fabric.hpp"
#include "sim/cluster/topology_check.hpp"
#include "sim/cluster/topology_summary.hpp"

namespace towtank {

/// Everything but the drawing and the verdict.
TopologyReport topology_report(const std::string& name,
                               const Fabric& fabric,
                               const TopologySummary& summary);

/// Fabrics with tiers as rows of some devices with the links between those; others as circles and
/// grids. `report` gives the counts.
TopologyDrawing topology_drawing(const Fabric& fabric, const TopologyReport& report);

TopologyVerdict topology_verdict(const TopologyCheck& check);

}  // namespace towtank
