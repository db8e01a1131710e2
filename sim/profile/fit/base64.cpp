#include "sim/profile/fit/base64.hpp"

namespace towtank {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr int kBits = 6;

long zero(int letters) {
  return 1L << (kBits * letters - 1);
}

}  // namespace

long greatest_in_base64(int letters) {
  return zero(letters) - 1;
}

void write_base64(std::string& text, long number, int letters) {
  const auto code = static_cast<unsigned long>(number + zero(letters));
  for (int letter = letters - 1; letter >= 0; --letter) {
    text += kAlphabet[(code >> static_cast<unsigned>(kBits * letter)) % kAlphabet.size()];
  }
}

std::optional<long> read_base64(std::string_view letters) {
  const auto count = static_cast<int>(letters.size());
  if (count < 1 || count > kMostBase64Letters) {
    return std::nullopt;
  }
  long code = 0;
  for (const char letter : letters) {
    const std::size_t place = kAlphabet.find(letter);
    if (place == std::string_view::npos) {
      return std::nullopt;
    }
    code = code * static_cast<long>(kAlphabet.size()) + static_cast<long>(place);
  }
  return code - zero(count);
}

}  // namespace towtank
