#include "sim/profile/tables/lower_case.hpp"

#include <algorithm>
#include <cctype>

namespace towtank {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return lower;
}

}  // namespace towtank
