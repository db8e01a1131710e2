// Words of tables and file names, compared whatever their letters.
#pragma once

#include <string>
#include <string_view>

namespace towtank {

/// `text` in small letters; letters of ASCII only.
std::string lower_case(std::string_view text);

}  // namespace towtank
