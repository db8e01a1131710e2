// A profile held against measured times, to read and for machines.
#pragma once

#include <string>

#include "reports/profile_check.hpp"
#include "reports/text_layout.hpp"

namespace towtank {

std::string profile_check_text(const ProfileCheck& check, Colour colour);

/// One JSON object ("schema": "towtank.profile-check/1"). Errors are fractions, times seconds; what
/// no covered row tells is null.
std::string profile_check_json(const ProfileCheck& check);

}  // namespace towtank
