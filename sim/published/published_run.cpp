#include "sim/published/published_run.hpp"

#include <algorithm>

namespace towtank {

std::optional<std::size_t> run_column(std::string_view name) {
  const auto found = std::ranges::find(kRunColumns, name);
  if (found == kRunColumns.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - kRunColumns.begin());
}

}  // namespace towtank
