// What is known of one GPU, to read and for machines.
#pragma once

#include <string>

#include "reports/profile_report.hpp"
#include "reports/text_layout.hpp"

namespace towtank {

/// Datasheet, links, measured kernels and sources; only the ops of the scenario when there is one.
std::string profile_text(const ProfileReport& report, Colour colour);

/// Everything as one JSON object ("schema": "towtank.profile/1"), numbers in base units.
std::string profile_json(const ProfileReport& report);

}  // namespace towtank
