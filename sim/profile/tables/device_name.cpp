#include "sim/profile/tables/device_name.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "sim/profile/tables/lower_case.hpp"

namespace towtank {
namespace {

constexpr std::array<std::string_view, 13> kDevices = {"a100_sxm",
                                                       "a100-sxm",
                                                       "a100_dgx",
                                                       "h100_sxm",
                                                       "h100-sxm",
                                                       "h100_dgx",
                                                       "h200_sxm",
                                                       "h200-sxm",
                                                       "b200_sxm",
                                                       "b200-sxm",
                                                       "gb200",
                                                       "h800",
                                                       "h20"};

bool is_letter_or_digit(char character) {
  return std::isalnum(static_cast<unsigned char>(character)) != 0;
}

bool contains_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !is_letter_or_digit(text[at - 1])) &&
        (end == text.size() || !is_letter_or_digit(text[end]))) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string device_in_name(std::string_view stem) {
  const std::string lower = lower_case(stem);
  const auto* found = std::ranges::find_if(
      kDevices, [&lower](std::string_view device) { return contains_word(lower, device); });
  return found == kDevices.end() ? std::string() : std::string(*found);
}

}  // namespace towtank
