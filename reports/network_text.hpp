#pragma once

#include <string>

#include "reports/network_report.hpp"
#include "reports/text_layout.hpp"

namespace towtank {

/// A table for each collective, as nccl-tests prints it, and what it rests on.
std::string network_text(const NetworkReport& report, Colour colour);

/// What every pair of an all-to-all sends, how long that takes, and what limits it.
std::string pairs_text(const PairsReport& report, Colour colour);

}  // namespace towtank
