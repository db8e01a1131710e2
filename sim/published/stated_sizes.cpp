#include "sim/published/stated_sizes.hpp"

#include <regex>
#include <string>

#include "sim/published/name_key.hpp"

namespace towtank {
namespace {

constexpr std::size_t kMostDigits = 9;
constexpr std::size_t kLongestText = 1000;  // std::regex goes deeper with every character

/// The number that the first group of the pattern matches.
std::optional<std::int64_t> number_at(std::string_view text, const char* pattern) {
  const std::string lower = lower_case_text(text.substr(0, kLongestText));
  std::smatch found;
  if (!std::regex_search(lower, found, std::regex(pattern)) || found[1].length() == 0 ||
      static_cast<std::size_t>(found[1].length()) > kMostDigits) {
    return std::nullopt;
  }
  return std::stoll(found[1].str());
}

}  // namespace

StatedSizes sizes_of_name(std::string_view name) {
  StatedSizes sizes{.hidden = number_at(name, "\\bh([0-9]+)\\b"),
                    .layers = number_at(name, "\\bl([0-9]+)\\b"),
                    .heads = number_at(name, "\\ba([0-9]+)\\b"),
                    .vocabulary = vocabulary_of_remark(name)};
  if (!sizes.layers) {
    sizes.layers = number_at(name, "\\b([0-9]+)[ -]layers?\\b");
  }
  return sizes;
}

std::optional<std::int64_t> vocabulary_of_remark(std::string_view remark) {
  const std::optional<std::int64_t> exact = number_at(remark, "\\bvocab(?:ulary)? ([0-9]+)\\b");
  if (exact) {
    return exact;
  }
  constexpr std::int64_t kThousand = 1000;
  const std::optional<std::int64_t> rough = number_at(remark, "\\bvocab(?:ulary)? ([0-9]+)k\\b");
  return rough ? std::optional(*rough * kThousand) : std::nullopt;
}

}  // namespace towtank
