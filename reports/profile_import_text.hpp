// What tables became in a profile, to read and for machines.
#pragma once

#include <string>

#include "reports/profile_import.hpp"
#include "reports/text_layout.hpp"

namespace towtank {

std::string profile_import_text(const ImportReport& report, Colour colour);

/// One JSON object ("schema": "towtank.profile-import/1"), numbers in base units.
std::string profile_import_json(const ImportReport& report);

}  // namespace towtank
