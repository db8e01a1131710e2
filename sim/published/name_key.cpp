#include "sim/published/name_key.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace towtank {
namespace {

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

char lower(char letter) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
}

}  // namespace

std::string lower_case_text(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

std::string name_key(std::string_view text) {
  std::string key;
  key.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = lower(text[i]);
    const bool dot = letter == '.' && i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) &&
                     is_digit(text[i + 1]);
    if (dot || is_digit(letter) || (letter >= 'a' && letter <= 'z')) {
      key += letter;
    }
  }
  return key;
}

bool mentions(std::string_view text, std::string_view words) {
  return lower_case_text(text).find(lower_case_text(words)) != std::string::npos;
}

}  // namespace towtank
