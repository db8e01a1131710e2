// The days on which something was measured or published, as profiles and own measurements state
// them.
#pragma once

#include <string_view>

namespace towtank {

/// "2025", "2025-02" or "2025-02-28": digits and dashes in their places.
bool is_date(std::string_view text);

}  // namespace towtank
