#include "tools/experts_report.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/plan/dispatch_bytes.hpp"
#include "sim/plan/load_variation.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/scenario/expert_load_reader.hpp"

namespace towtank {
namespace {

constexpr std::uint64_t kDrawSeed = 1;

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

std::vector<double> over_mean(std::vector<double> values) {
  const double mean = sum(values) / static_cast<double>(values.size());
  for (double& value : values) {
    value /= mean;
  }
  return values;
}

SentReport range_of(const std::vector<Bytes>& of_ranks) {
  Bytes total;
  for (const Bytes each : of_ranks) {
    total += each;
  }
  return {.least = std::ranges::min(of_ranks),
          .mean = total / static_cast<double>(of_ranks.size()),
          .most = std::ranges::max(of_ranks)};
}

std::vector<double> sums_of_nodes(std::span<const double> of_ranks, const GroupShape& shape) {
  std::vector<double> sums;
  sums.reserve(static_cast<std::size_t>(shape.nodes));
  std::size_t first = 0;
  for (const int members : shape.of_nodes()) {
    const std::span<const double> on_node =
        of_ranks.subspan(first, static_cast<std::size_t>(members));
    sums.push_back(std::accumulate(on_node.begin(), on_node.end(), 0.0));
    first += on_node.size();
  }
  return sums;
}

/// Rows of the busiest rank's grouped GEMMs.
double busiest_rows(const PlacedExperts& group, double tokens_per_rank) {
  return std::ranges::max(
      sums_of(expert_rows(group, tokens_per_rank), group.placement.slots_of_rank()));
}

ExpertLayoutReport report_layout(const PlacedExperts& group,
                                 const GroupShape& shape,
                                 double tokens_per_rank,
                                 Bytes copy) {
  const std::vector<double> node_copies = sums_of_nodes(group.rank_copies, shape);
  const std::vector<double> tokens(group.rank_copies.size(), tokens_per_rank);
  const PairBytes pairs = dispatch_bytes(shape, tokens, group.rank_visits, group.node_visits, copy);
  return {.placement = std::string(name(group.policy)),
          .rank_loads = over_mean(group.rank_copies),
          .node_loads = over_mean(node_copies),
          .rank_peak = peak_over_mean(group.rank_copies),
          .node_peak = peak_over_mean(node_copies),
          .nodes_per_token = sum(group.node_visits),
          .ranks_per_token = sum(group.rank_visits),
          .most_replicas = std::ranges::max(replicas(group.placement, group.visits.size())),
          .busiest_rows = busiest_rows(group, tokens_per_rank),
          .nic = range_of(sent(pairs.nic, pairs.ranks)),
          .nic_received = range_of(received(pairs.nic, pairs.ranks)),
          .nvlink = range_of(sent(pairs.nvlink, pairs.ranks))};
}

/// How the groups sit on their nodes, each way once; the first group's is the first.
std::vector<GroupShape> shapes_of(const Scenario& scenario) {
  const Mesh mesh(scenario.plan, scenario.cluster.gpus_per_node);
  std::vector<GroupShape> shapes;
  std::set<int> begun;  // places on a node: groups that begin at the same sit alike
  for (int first = 0; first < mesh.ranks() && begun.insert(mesh.place(first)).second;
       first += scenario.plan.expert) {
    GroupShape shape = group_shape(mesh, mesh.expert_group(first));
    if (std::ranges::find(shapes, shape) == shapes.end()) {
      shapes.push_back(std::move(shape));
    }
  }
  return shapes;
}

/// What to show beside the experts in order: the plan's placement, or what the balancer would do;
/// hierarchical only where all groups can.
PlacementPolicy placement_beside(const ExpertLayer& layer,
                                 const std::vector<GroupShape>& shapes,
                                 const ExpertPlan& plan) {
  if (plan.placement != PlacementPolicy::kStatic) {
    return plan.placement;
  }
  ExpertPlan hierarchical = plan;
  hierarchical.placement = PlacementPolicy::kHierarchical;
  const bool possible = std::ranges::all_of(shapes, [&](const GroupShape& shape) {
    return !expert_problem(layer, shape, hierarchical).has_value();
  });
  return possible ? PlacementPolicy::kBalanced : PlacementPolicy::kGlobal;
}

}  // namespace

std::optional<ExpertProblem> problem_of_experts(const Scenario& scenario, const ExpertPlan& plan) {
  for (const GroupShape& shape : shapes_of(scenario)) {
    if (auto problem = expert_problem(scenario.model.moe, shape, plan)) {
      return problem;
    }
  }
  return std::nullopt;
}

ExpertsReport report_experts(const Scenario& scenario, const ExpertPlan& plan) {
  const ExpertLayer& layer = scenario.model.moe;
  const std::vector<GroupShape> shapes = shapes_of(scenario);
  const GroupShape& shape = shapes.front();
  const std::int64_t tokens = scenario.plan.tokens_per_rank();
  ExpertsReport report{.title = scenario.title,
                       .scenario = scenario.name,
                       .experts = layer.experts,
                       .top_k = layer.top_k,
                       .groups = layer.groups,
                       .groups_per_token = layer.groups_per_token,
                       .load = load_text(plan.load),
                       .nodes = shape.nodes,
                       .ranks_per_node = shape.local,
                       .uneven_nodes = shape.uneven,
                       .slots_per_rank = (layer.experts + plan.redundant) / shape.size(),
                       .redundant = plan.redundant,
                       .tokens_per_rank = tokens,
                       .copy = dispatched_copy(scenario.plan.recipe, scenario.model.hidden)};
  for (const GroupShape& other : std::span(shapes).subspan(1)) {
    report.other_groups.push_back(other.of_nodes());
  }
  const PlacementPolicy other = placement_beside(layer, shapes, plan);
  for (const PlacementPolicy policy : {PlacementPolicy::kStatic, other}) {
    ExpertPlan laid_out = plan;
    laid_out.placement = policy;
    const PlacedExperts group = place_experts(layer, shape, laid_out);
    ExpertLayoutReport layout =
        report_layout(group, shape, static_cast<double>(tokens), report.copy);
    const LoadVariation drawn =
        draw_load_variation(group.routing, group.placement, tokens * shape.size(), kDrawSeed);
    layout.drawn_peak = drawn.peak;
    layout.drawn_error = drawn.standard_error;
    layout.in_force = policy == plan.placement;
    report.drawn_micro_batches = drawn.micro_batches;
    report.expert_peak = peak_over_mean(group.visits);
    report.layouts.push_back(std::move(layout));
  }
  return report;
}

}  // namespace towtank
