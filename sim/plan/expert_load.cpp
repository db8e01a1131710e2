#include "sim/plan/expert_load.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/plan/portable_random.hpp"

namespace towtank {
namespace {

std::vector<double> zipf_weights(std::size_t experts, double exponent) {
  std::vector<double> weights;
  weights.reserve(experts);
  for (std::size_t rank = 1; rank <= experts; ++rank) {
    weights.push_back(std::pow(static_cast<double>(rank), -exponent));
  }
  return weights;
}

std::vector<double> normalised(std::vector<double> weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  check(total > 0.0, "some expert is visited");
  for (double& weight : weights) {
    weight /= total;
  }
  return weights;
}

std::vector<double> shuffled(std::vector<double> values, std::uint64_t seed) {
  PortableRandom random(seed);
  for (std::size_t left = values.size(); left > 1; --left) {
    std::swap(values[left - 1], values[random.below(left)]);
  }
  return values;
}

}  // namespace

std::vector<double> load_shares(const ExpertLoad& load, std::int64_t experts) {
  const auto size = static_cast<std::size_t>(experts);
  if (const auto* const zipf = std::get_if<ZipfLoad>(&load)) {
    return shuffled(normalised(zipf_weights(size, zipf->exponent)), zipf->seed);
  }
  if (const auto* const counted = std::get_if<CountedLoad>(&load)) {
    check(counted->counts.size() == size, "a counted load has one count an expert");
    return normalised(counted->counts);
  }
  return std::vector<double>(size, 1.0 / static_cast<double>(experts));
}

double greatest_zipf_exponent(std::int64_t experts, std::int64_t top_k) {
  if (experts <= top_k) {
    return 0.0;
  }
  if (top_k == 1) {
    return 100.0;  // no share exceeds 1
  }
  int hundredths = 0;
  const auto copies = [&](int exponent) {
    const std::vector<double> weights =
        zipf_weights(static_cast<std::size_t>(experts), exponent / 100.0);
    return static_cast<double>(top_k) / std::accumulate(weights.begin(), weights.end(), 0.0);
  };
  while (copies(hundredths + 1) <= 1.0) {
    ++hundredths;
  }
  return hundredths / 100.0;
}

}  // namespace towtank
