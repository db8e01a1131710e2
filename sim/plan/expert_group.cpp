#include "sim/plan/expert_group.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/base/error.hpp"
#include "sim/plan/routing_fit.hpp"

namespace towtank {
namespace {

/// For each of the runs of ranks that follow each other, this long, the probability that a token
/// visits any expert there.
std::vector<double> visits_of_runs(const TokenRouting& routing,
                                   const ExpertPlacement& placement,
                                   const std::vector<int>& lengths) {
  const auto experts = static_cast<std::size_t>(routing.layer().experts);
  std::vector<double> visits;
  visits.reserve(lengths.size());
  int first = 0;
  for (const int length : lengths) {
    visits.push_back(routing.visit_probability(part_on(placement, experts, first, length)));
    first += length;
  }
  return visits;
}

/// "2 and 4", "4, 8 and 2"
std::string listed(const std::vector<int>& numbers) {
  return fmt::format(
      "{} and {}", fmt::join(numbers.begin(), numbers.end() - 1, ", "), numbers.back());
}

}  // namespace

std::optional<ExpertProblem> expert_problem(const ExpertLayer& layer,
                                            const GroupShape& shape,
                                            const ExpertPlan& plan) {
  if (auto problem = slot_problem(layer.experts, plan.redundant, shape.size())) {
    return problem;
  }
  if (plan.placement == PlacementPolicy::kHierarchical &&
      !groups_fit_nodes(layer, shape, plan.redundant)) {
    return ExpertProblem{
        .key = "placement",
        .message =
            shape.even()
                ? fmt::format("hierarchical placement needs the router's expert groups and the "
                              "redundant experts to divide over the nodes; there are {} and {} "
                              "for {} {}",
                              layer.groups,
                              plan.redundant,
                              shape.nodes,
                              shape.nodes == 1 ? "node" : "nodes")
                : fmt::format("hierarchical placement needs as many ranks on each node; an "
                              "expert-parallel group has {} ranks on its nodes",
                              listed(shape.uneven)),
        .hint = "\"global\" needs no groups; \"balanced\" takes the one of both that fits"};
  }
  return fit_routing(layer, load_shares(plan.load, layer.experts)).problem;
}

PlacedExperts place_experts(const ExpertLayer& layer,
                            const GroupShape& shape,
                            const ExpertPlan& plan) {
  RoutingFit fit = fit_routing(layer, load_shares(plan.load, layer.experts));
  check(fit.routing.has_value(), "the experts' loads were checked");
  TokenRouting routing = std::move(*fit.routing);
  std::vector<double> visits = routing.visits();
  BalancedPlacement placed = place_by_load(layer, shape, plan.redundant, plan.placement, visits);
  std::vector<double> rank_copies = rank_loads(placed.placement, visits);
  const std::vector<int> single(static_cast<std::size_t>(shape.size()), 1);
  std::vector<double> rank_visits = visits_of_runs(routing, placed.placement, single);
  std::vector<double> node_visits = visits_of_runs(routing, placed.placement, shape.of_nodes());
  return {.routing = std::move(routing),
          .placement = std::move(placed.placement),
          .policy = placed.policy,
          .visits = std::move(visits),
          .rank_copies = std::move(rank_copies),
          .rank_visits = std::move(rank_visits),
          .node_visits = std::move(node_visits)};
}

std::vector<double> expert_rows(const PlacedExperts& group, double tokens_per_rank) {
  const std::vector<std::size_t> count = replicas(group.placement, group.visits.size());
  const double tokens = tokens_per_rank * group.placement.ranks;
  std::vector<double> rows;
  rows.reserve(group.placement.expert_of_slot.size());
  for (const std::size_t expert : group.placement.expert_of_slot) {
    rows.push_back(tokens * group.visits[expert] / static_cast<double>(count[expert]));
  }
  return rows;
}

}  // namespace towtank
