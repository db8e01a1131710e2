// A cluster's network as text, as JSON and as a picture.
#pragma once

#include <string>

#include "reports/text_layout.hpp"
#include "reports/topology_report.hpp"

namespace towtank {

/// What the network consists of.
std::string topology_text(const TopologyReport& report, Colour colour);

/// Claims, loads and the verdict; the report must have one.
std::string topology_check_text(const TopologyReport& report, Colour colour);

/// Both as one JSON object; bandwidths in bytes a second, times in seconds.
std::string topology_json(const TopologyReport& report);

/// The picture, as SVG.
std::string topology_svg(const TopologyReport& report);

}  // namespace towtank
