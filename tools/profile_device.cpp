#include "tools/profile_device.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

namespace towtank {
namespace {

/// Runs of letters and digits, in small letters.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalnum(byte) != 0) {
      words.back().push_back(static_cast<char>(std::tolower(byte)));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) {
    words.pop_back();
  }
  return words;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

/// "96gb": a variant of a GPU with other memory.
bool is_memory(const std::string& word) {
  return word.ends_with("gb");
}

bool may_mean(const std::vector<std::string>& device, const std::vector<std::string>& profile) {
  const auto missing = [&device](const std::string& word) {
    return is_memory(word) && !has(device, word);
  };
  if (profile.empty() || !has(device, profile.front()) || std::ranges::any_of(profile, missing)) {
    return false;
  }
  return std::ranges::all_of(std::vector<std::string>{"pcie", "nvl"}, [&](const std::string& form) {
    return !has(device, form) || has(profile, form);
  });
}

}  // namespace

std::optional<std::string> profile_of_device(std::string_view device,
                                             std::span<const std::string> known) {
  const std::vector<std::string> words = words_of(device);
  std::vector<std::string> found;
  std::vector<std::string> of_its_memory;
  for (const std::string& profile : known) {
    const std::vector<std::string> name = words_of(profile);
    if (may_mean(words, name)) {
      (std::ranges::any_of(name, is_memory) ? of_its_memory : found).push_back(profile);
    }
  }
  const std::vector<std::string>& best = of_its_memory.empty() ? found : of_its_memory;
  return best.size() == 1 ? std::optional(best.front()) : std::nullopt;
}

}  // namespace towtank
