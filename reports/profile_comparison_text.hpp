// Two profiles side by side, to read and for machines.
#pragma once

#include <string>

#include "reports/profile_comparison.hpp"
#include "reports/text_layout.hpp"

namespace towtank {

std::string profile_comparison_text(const ProfileComparison& comparison, Colour colour);

/// One JSON object ("schema": "towtank.profile-comparison/1").
std::string profile_comparison_json(const ProfileComparison& comparison);

}  // namespace towtank
