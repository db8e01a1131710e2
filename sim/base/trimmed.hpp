// Text without the blanks around it.
#pragma once

#include <string_view>

namespace towtank {

/// Without spaces, tabs and line ends at either end. A part of `text`.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace towtank
