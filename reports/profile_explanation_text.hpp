// How the time of one op is known, to read and for machines.
#pragma once

#include <string>

#include "reports/profile_explanation.hpp"
#include "reports/text_layout.hpp"

namespace towtank {

std::string profile_explanation_text(const Explanation& explanation, Colour colour);

/// One JSON object ("schema": "towtank.profile-explanation/1"), numbers in base units.
std::string profile_explanation_json(const Explanation& explanation);

}  // namespace towtank
