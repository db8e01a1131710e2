// The router that loads the experts as wanted: its weights from the visits that were counted.
#pragma once

#include <optional>
#include <span>

#include "sim/model/architecture.hpp"
#include "sim/plan/expert_load.hpp"
#include "sim/plan/token_routing.hpp"

namespace towtank {

/// A router with given loads, or why there is none: one of the two.
struct RoutingFit {
  std::optional<TokenRouting> routing;
  std::optional<ExpertProblem> problem;
  int rounds = 0;      // of the iteration
  double error = 0.0;  // greatest difference between a wanted and a fitted visit probability
};

/// The routing whose experts receive these `shares` (experts; adding up to 1) of all copies. Its
/// weights follow from w <- w * wanted / present, repeated: the iteration of Chen, Dempster and Liu
/// (Biometrika 81, 1994) and Chen (Journal of Statistical Planning and Inference 90, 2000), with
/// odds p / (1 - p) in place of probabilities where they are faster, and with shorter steps where
/// groups would make it overshoot.
RoutingFit fit_routing(const ExpertLayer& layer, std::span<const double> shares);

}  // namespace towtank
