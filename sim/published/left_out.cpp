#include "sim/published/left_out.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

constexpr std::size_t kParts = 5;

std::map<std::string, std::size_t> group_sizes(const std::vector<std::string>& groups) {
  std::map<std::string, std::size_t> sizes;
  for (const std::string& group : groups) {
    ++sizes[group];
  }
  return sizes;
}

/// The part of each group: the largest groups first, always to the part with the fewest rows.
std::map<std::string, std::size_t> parts_of(const std::vector<std::string>& groups) {
  const std::map<std::string, std::size_t> sizes = group_sizes(groups);
  std::vector<std::pair<std::string, std::size_t>> sorted(sizes.begin(), sizes.end());
  std::ranges::stable_sort(
      sorted, std::ranges::greater{}, [](const auto& group) { return group.second; });
  std::array<std::size_t, kParts> rows{};
  std::map<std::string, std::size_t> parts;
  for (const auto& [group, size] : sorted) {
    const auto part = static_cast<std::size_t>(std::ranges::min_element(rows) - rows.begin());
    rows.at(part) += size;
    parts[group] = part;
  }
  return parts;
}

}  // namespace

std::vector<double> left_out_residuals(const std::vector<LinearRow>& rows,
                                       const std::vector<NumberPrior>& priors,
                                       const std::vector<std::string>& groups) {
  check(rows.size() == groups.size(), "every row is of a group");
  const std::map<std::string, std::size_t> parts = parts_of(groups);
  std::vector<double> residuals(rows.size(), 0.0);
  for (std::size_t part = 0; part < kParts; ++part) {
    std::vector<LinearRow> kept = rows;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      kept[i].weight = parts.at(groups[i]) == part ? 0.0 : rows[i].weight;
    }
    const std::vector<double> numbers = robust_fit(kept, priors);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (parts.at(groups[i]) == part) {
        residuals[i] = residual_of(rows[i], numbers);
      }
    }
  }
  return residuals;
}

std::size_t group_count(const std::vector<std::string>& groups) {
  return group_sizes(groups).size();
}

}  // namespace towtank
