// Sizes of a model that its name in a table of runs states.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace towtank {

/// What is not stated is nothing.
struct StatedSizes {
  std::optional<std::int64_t> hidden;      // "h8192"
  std::optional<std::int64_t> layers;      // "L48", "(2 layers)", "truncated to 12 layers"
  std::optional<std::int64_t> heads;       // "a64"
  std::optional<std::int64_t> vocabulary;  // "vocab 64000", "vocab 250k"
};

StatedSizes sizes_of_name(std::string_view name);

/// "vocab 64000", "vocab 250k" in a remark.
std::optional<std::int64_t> vocabulary_of_remark(std::string_view remark);

}  // namespace towtank
