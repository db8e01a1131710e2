#include "sim/profile/dates.hpp"

#include <algorithm>

namespace towtank {

bool is_date(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  const bool whole = text.size() == 4 || text.size() == 7 || text.size() == 10;
  return whole && std::ranges::equal(text, kForm.substr(0, text.size()), [](char c, char form) {
           return form == 'd' ? c >= '0' && c <= '9' : c == form;
         });
}

}  // namespace towtank
