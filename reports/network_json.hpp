#pragma once

#include <string>

#include "reports/network_report.hpp"

namespace towtank {

/// One JSON object ("schema": "towtank.network/1"), in bytes, seconds and bytes per second.
std::string network_json(const NetworkReport& report);

/// Likewise ("schema": "towtank.network-pairs/1").
std::string pairs_json(const PairsReport& report);

}  // namespace towtank
