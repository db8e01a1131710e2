#include "sim/base/suggest.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace towtank {

int edit_distance(std::string_view a, std::string_view b) {
  const std::size_t columns = b.size() + 1;
  std::vector<int> before(columns);
  std::vector<int> previous(columns);
  std::vector<int> current(columns);
  for (std::size_t j = 0; j < columns; ++j) {
    previous[j] = static_cast<int>(j);
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = static_cast<int>(i);
    for (std::size_t j = 1; j < columns; ++j) {
      const int substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, substitution});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[columns - 1];
}

std::string nearest_word(std::string_view word, std::span<const std::string> known) {
  std::string best;
  int best_distance = static_cast<int>(std::max<std::size_t>(word.size(), 3)) / 3 + 1;
  for (const std::string& candidate : known) {
    const int distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggest(std::string_view word, std::span<const std::string> known) {
  const std::string nearest = nearest_word(word, known);
  if (!nearest.empty()) {
    return "did you mean '" + nearest + "'?";
  }
  std::string list;
  for (const std::string& candidate : known) {
    list += (list.empty() ? "" : ", ") + candidate;
  }
  return "one of: " + list;
}

}  // namespace towtank
