// How unevenly tokens fall on experts: the shares of token copies that each expert receives.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace towtank {

/// Every expert receives as many copies.
struct UniformLoad {};

/// The expert of popularity rank r = 1, 2, ... receives copies in proportion to r^-exponent (Zipf's
/// law); the ranks are dealt to the experts by a shuffle with this seed.
struct ZipfLoad {
  double exponent = 0.0;
  std::uint64_t seed = 1;
};

/// Copies counted on a running model, one number an expert, not all of them zero.
struct CountedLoad {
  std::string source;          // the file, and the layer if it has several
  std::vector<double> counts;  // (experts)
};

using ExpertLoad = std::variant<UniformLoad, ZipfLoad, CountedLoad>;

/// Share of all token copies that goes to each expert; they add up to 1. A counted load must have
/// `experts` counts (BrokenClaim otherwise).
std::vector<double> load_shares(const ExpertLoad& load, std::int64_t experts);

/// Why something that was asked of experts cannot be, and what could.
struct ExpertProblem {
  std::string key = "load";  // of the ExpertPlan, what to change: "load", "placement", "redundant"
  std::string message;
  std::string hint;
};

/// The greatest Zipf exponent at which the most popular of `experts` gets at most one copy of each
/// token, of which `top_k` experts get one; rounded down to hundredths.
double greatest_zipf_exponent(std::int64_t experts, std::int64_t top_k);

}  // namespace towtank
