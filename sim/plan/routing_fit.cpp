#include "sim/plan/routing_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

constexpr double kCertain = 1e-12;     // a probability this near to 1 is 1
constexpr double kTolerance = 1e-13;   // the iteration stops when every visit is this near
constexpr double kGoodEnough = 1e-9;   // what rounding may leave
constexpr int kMostRounds = 20'000;    // loads at the edge of what is possible need many
constexpr double kMostWork = 1 << 20;  // products a round: some milliseconds
constexpr double kShortestStep = 1.0 / 1024;

std::size_t size_of(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

/// Products that one evaluation of all visits takes, about.
double work(const ExpertLayer& layer) {
  const auto top_k = static_cast<double>(layer.top_k);
  const double of_experts = static_cast<double>(layer.experts) * top_k;
  const double of_groups = static_cast<double>(layer.groups * layer.groups_per_token);
  return of_experts + of_groups * top_k * top_k;
}

/// Visits of each expert a token, as the shares ask for.
std::vector<double> wanted_visits(const ExpertLayer& layer, std::span<const double> shares) {
  std::vector<double> visits;
  visits.reserve(shares.size());
  for (const double share : shares) {
    const double visit = share * static_cast<double>(layer.top_k);
    visits.push_back(std::abs(visit - 1.0) < kCertain ? 1.0 : visit);
  }
  return visits;
}

std::optional<ExpertProblem> problem_of_experts(std::span<const double> visits) {
  const auto heaviest = std::ranges::max_element(visits);
  if (*heaviest <= 1.0) {
    return std::nullopt;
  }
  return ExpertProblem{
      .key = "load",
      .message = fmt::format("expert {} would get {:.4g} copies of each token; a token visits an "
                             "expert at most once",
                             heaviest - visits.begin(),
                             *heaviest),
      .hint = "a flatter load is needed: no expert's share may exceed 1 / top_k"};
}

/// How often a token must at least be able to use each group: as often as it visits the group's
/// heaviest expert, and as all its visits there need.
std::vector<double> least_use(const ExpertLayer& layer, std::span<const double> visits) {
  const std::size_t size = visits.size() / size_of(layer.groups);
  const auto most_at_once = static_cast<double>(std::min(size, size_of(layer.top_k)));
  std::vector<double> use(size_of(layer.groups), 0.0);
  std::vector<double> load(use.size(), 0.0);
  for (std::size_t expert = 0; expert < visits.size(); ++expert) {
    const std::size_t group = expert / size;
    load[group] += visits[expert];
    use[group] = std::max({use[group], visits[expert], load[group] / most_at_once});
  }
  return use;
}

std::optional<ExpertProblem> problem_of_groups(const ExpertLayer& layer,
                                               std::span<const double> visits) {
  double sum = 0.0;
  for (const double use : least_use(layer, visits)) {
    sum += use;
  }
  if (sum <= static_cast<double>(layer.groups_per_token) * (1.0 + kCertain)) {
    return std::nullopt;
  }
  return ExpertProblem{
      .key = "load",
      .message = fmt::format("these loads need {:.4g} expert groups a token, but the router lets a "
                             "token use {} of {}",
                             sum,
                             layer.groups_per_token,
                             layer.groups),
      .hint = "the heaviest experts of all groups cannot be visited by nearly every token"};
}

double odds(double probability) {
  return probability / (1.0 - probability);
}

/// What the iteration brings to its wanted value: probabilities, as Chen, Dempster and Liu have it,
/// or odds. For experts that most tokens visit one or the other is by far faster.
enum class Scale { kProbability, kOdds };

/// Multiplies every weight by (wanted / present)^step.
std::vector<double> moved(std::span<const double> chances,
                          std::span<const double> present,
                          std::span<const double> wanted,
                          Scale scale,
                          double step) {
  constexpr double kNearlyOne = 1.0 - 1e-15;
  std::vector<double> result(chances.begin(), chances.end());
  for (std::size_t expert = 0; expert < result.size(); ++expert) {
    if (wanted[expert] <= 0.0 || wanted[expert] >= 1.0) {
      continue;
    }
    const double now = std::min(present[expert], kNearlyOne);
    const double ratio =
        scale == Scale::kOdds ? odds(wanted[expert]) / odds(now) : wanted[expert] / now;
    const double weight = odds(chances[expert]) * std::pow(ratio, step);
    result[expert] = std::min(weight / (1.0 + weight), kNearlyOne);
  }
  return result;
}

/// Distance in the metric in which a short enough step always gets nearer.
double distance(std::span<const double> present, std::span<const double> wanted) {
  double sum = 0.0;
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (wanted[i] > 0.0 && wanted[i] < 1.0) {
      const double miss = present[i] - wanted[i];
      sum += miss * miss / (wanted[i] * (1.0 - wanted[i]));
    }
  }
  return sum;
}

double greatest_difference(std::span<const double> a, std::span<const double> b) {
  double greatest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    greatest = std::max(greatest, std::abs(a[i] - b[i]));
  }
  return greatest;
}

/// A routing, the visits it makes and how far they are from those that are wanted.
struct Attempt {
  TokenRouting routing;
  std::vector<double> visits;
  double distance = 0.0;
};

Attempt attempt(const ExpertLayer& layer,
                std::vector<double> chances,
                std::span<const double> wanted) {
  TokenRouting routing(layer, std::move(chances));
  std::vector<double> visits = routing.visits();
  const double far = distance(visits, wanted);
  return {.routing = std::move(routing), .visits = std::move(visits), .distance = far};
}

/// Starts at the weights by which the experts would be visited as wanted if visits were independent
/// of one another, and each round takes the better step of both scales.
RoutingFit iterate(const ExpertLayer& layer, const std::vector<double>& wanted) {
  Attempt best = attempt(layer, wanted, wanted);
  RoutingFit fit{.routing = std::nullopt, .problem = std::nullopt};
  fit.error = greatest_difference(best.visits, wanted);
  std::array<double, 2> steps = {1.0, 1.0};
  while (fit.error > kTolerance &&
         fit.rounds<kMostRounds&& * std::ranges::max_element(steps)> kShortestStep) {
    const Attempt from = best;
    for (const Scale scale : {Scale::kProbability, Scale::kOdds}) {
      double& step = steps.at(scale == Scale::kOdds ? 1 : 0);
      Attempt next =
          attempt(layer, moved(from.routing.chances(), from.visits, wanted, scale, step), wanted);
      step = next.distance < from.distance ? std::min(1.0, 1.1 * step) : step / 2.0;
      if (next.distance < best.distance) {
        best = std::move(next);
      }
    }
    fit.error = greatest_difference(best.visits, wanted);
    ++fit.rounds;
  }
  fit.routing = std::move(best.routing);
  return fit;
}

}  // namespace

RoutingFit fit_routing(const ExpertLayer& layer, std::span<const double> shares) {
  check(shares.size() == size_of(layer.experts), "every expert has a share");
  if (work(layer) > kMostWork) {
    return {
        .routing = std::nullopt,
        .problem = ExpertProblem{
            .key = "load",
            .message = fmt::format("routing to {} of {} experts in {} of {} groups is more "
                                   "than Towtank works out",
                                   layer.top_k,
                                   layer.experts,
                                   layer.groups_per_token,
                                   layer.groups),
            .hint = "leave the experts' load and layout out: balanced routing has a closed form"}};
  }
  const std::vector<double> wanted = wanted_visits(layer, shares);
  std::optional<ExpertProblem> problem = problem_of_experts(wanted);
  if (!problem) {
    problem = problem_of_groups(layer, wanted);
  }
  if (problem) {
    return {.routing = std::nullopt, .problem = std::move(problem)};
  }
  RoutingFit fit = iterate(layer, wanted);
  if (fit.error > kGoodEnough) {
    fit.routing.reset();
    fit.problem = ExpertProblem{
        .key = "load",
        .message =
            "these loads are so near to what the router's groups just allow that no weights "
            "were found for them",
        .hint = "a slightly flatter load will do"};
  }
  return fit;
}

}  // namespace towtank
