// Every way a token can be routed in a small layer, one by one: what the closed forms must equal.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <vector>

#include "sim/model/architecture.hpp"

namespace towtank {

/// Probability of each set of visited experts (a bit an expert) when (groups, experts) has a
/// probability in proportion to the product of the experts' weights w = chance / (1 - chance).
/// All chances are below 1.
inline std::map<std::uint32_t, double> enumerated_visits(const ExpertLayer& layer,
                                                         std::span<const double> chances) {
  const auto size = static_cast<std::uint32_t>(layer.experts / layer.groups);
  std::map<std::uint32_t, double> ways;
  double total = 0.0;
  for (std::uint32_t groups = 0; groups < 1U << static_cast<std::uint32_t>(layer.groups);
       ++groups) {
    if (std::popcount(groups) != layer.groups_per_token) {
      continue;
    }
    for (std::uint32_t set = 0; set < 1U << static_cast<std::uint32_t>(layer.experts); ++set) {
      bool eligible = std::popcount(set) == layer.top_k;
      double weight = 1.0;
      for (std::uint32_t expert = 0; eligible && expert < chances.size(); ++expert) {
        if ((set >> expert & 1U) != 0U) {
          eligible = (groups >> (expert / size) & 1U) != 0U;
          weight *= chances[expert] / (1.0 - chances[expert]);
        }
      }
      if (eligible && weight > 0.0) {
        ways[set] += weight;
        total += weight;
      }
    }
  }
  for (auto& [set, probability] : ways) {
    probability /= total;
  }
  return ways;
}

/// Small layers of every kind: with and without groups, and where all experts are visited.
inline std::vector<ExpertLayer> small_layers() {
  return {{.experts = 6, .top_k = 2},
          {.experts = 7, .top_k = 1},
          {.experts = 5, .top_k = 5},
          {.experts = 10, .top_k = 4},
          {.experts = 8, .top_k = 3, .groups = 4, .groups_per_token = 2},
          {.experts = 9, .top_k = 4, .groups = 3, .groups_per_token = 2},
          {.experts = 12, .top_k = 3, .groups = 3, .groups_per_token = 1},
          {.experts = 12, .top_k = 5, .groups = 6, .groups_per_token = 3},
          {.experts = 8, .top_k = 4, .groups = 4, .groups_per_token = 4},
          {.experts = 6, .top_k = 2, .groups = 6, .groups_per_token = 3}};
}

/// Chances anywhere in (0, 1), and some that are 0 as long as enough are not.
inline std::vector<double> random_chances(const ExpertLayer& layer, std::mt19937& random) {
  std::uniform_real_distribution<double> unit(0.02, 0.98);
  std::vector<double> chances(static_cast<std::size_t>(layer.experts));
  for (double& chance : chances) {
    chance = unit(random);
  }
  if (layer.groups == 1 && layer.experts > layer.top_k + 1) {
    chances[random() % chances.size()] = 0.0;
  }
  return chances;
}

/// Random parts of every expert's copies, many of them all or nothing.
inline std::vector<double> random_part(std::size_t experts, std::mt19937& random) {
  std::uniform_real_distribution<double> unit(-0.7, 1.7);
  std::vector<double> part(experts);
  for (double& each : part) {
    each = std::min(1.0, std::max(0.0, unit(random)));
  }
  return part;
}

}  // namespace towtank
