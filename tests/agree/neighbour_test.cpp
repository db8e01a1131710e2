// Jobs side by side on one fabric: folding stays exact, and what they share is what costs them.
#include <algorithm>
#include <array>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/graph/joined_graph.hpp"
#include "tests/agree/folded_timeline.hpp"

namespace towtank {
namespace {

/// Two jobs of some steps each, on nodes of one fabric.
struct TwoJobs {
  SmallStep first;
  SmallStep second;
  int steps = 1;     // of the second
  Cluster together;  // the nodes of both

  std::vector<JobLayout> lay_out(Folding folding) const {
    const std::array tenants = {
        Tenant{.model = &first.model, .plan = &first.plan, .cluster = &first.cluster},
        Tenant{.model = &second.model, .plan = &second.plan, .cluster = &second.cluster}};
    return lay_out_together(tenants, together, datasheet(), folding);
  }

  Timeline simulate(Folding folding) const {
    const std::vector<JobLayout> jobs = lay_out(folding);
    const OpGraph of_first = lower_training_step(jobs[0]);
    const OpGraph of_second = lower_training_step(jobs[1]);
    const std::array running = {RunningJob{.graph = &of_first},
                                RunningJob{.graph = &of_second, .steps = steps}};
    OpGraph graph;
    join_graphs(running, graph);
    const Profile profile = datasheet_profile();
    return towtank::simulate(
        Simulation{.graph = &graph, .profile = &profile, .communication_sms = 20});
  }

  /// Of the ranks of both.
  Partition classes() const {
    const std::vector<JobLayout> jobs = lay_out(Folding::kFolded);
    Partition all = jobs[0].classes.ranks;
    const Partition& more = jobs[1].classes.ranks;
    const auto first_class = static_cast<int>(all.members.size());
    for (const int of_class : more.class_of) {
      all.class_of.push_back(first_class + of_class);
    }
    all.members.insert(all.members.end(), more.members.begin(), more.members.end());
    return all;
  }
};

/// Puts the jobs on the first of these nodes, of a fabric that has all of them.
TwoJobs side_by_side(SmallStep first,
                     SmallStep second,
                     const FabricSpec& fabric,
                     std::vector<int> nodes) {
  TwoJobs jobs{.first = std::move(first), .second = std::move(second), .steps = 1, .together = {}};
  jobs.together = jobs.first.cluster;
  jobs.together.nodes += jobs.second.cluster.nodes;
  for (GpuFault fault : jobs.second.cluster.faults) {
    fault.gpu += jobs.first.cluster.gpus();
    jobs.together.faults.push_back(fault);
  }
  jobs.together.fabric = fabric;
  const auto fabric_nodes = static_cast<int>(nodes.size());
  nodes.resize(static_cast<std::size_t>(jobs.together.nodes));
  jobs.together.placement = {.fabric_nodes = fabric_nodes, .nodes = std::move(nodes)};
  return jobs;
}

SmallStep random_job(std::mt19937& random, bool with_faults) {
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  const int data = pick(std::array{2, 4, 8});
  SmallStep step = small_step(pick(std::array{ScheduleKind::k1F1B,
                                              ScheduleKind::kDualPipe,
                                              ScheduleKind::kZb1p,
                                              ScheduleKind::kDualPipeV}),
                              {.pipeline = pick(std::array{2, 4}),
                               .data = data,
                               .expert = pick(std::array{1, 2}) * data / 2});
  step.plan.zero_stage = pick(std::array{0, 1});
  if (with_faults && pick(std::array{false, true})) {
    const int gpu = std::uniform_int_distribution<int>(0, step.plan.ranks() - 1)(random);
    step.cluster.faults = {{.gpu = gpu, .slowdown = 1.5, .nic = pick(std::array{1.0, 0.5})}};
  }
  return step;
}

TwoJobs random_jobs(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  FabricSpec fabric;
  fabric.kind = pick(std::array{FabricKind::kFatTree,
                                FabricKind::kFatTree,
                                FabricKind::kRailOptimised,
                                FabricKind::kMultiPlane});
  fabric.planes = fabric.kind == FabricKind::kMultiPlane ? 2 : 1;
  fabric.tiers = 3;
  fabric.radix = pick(std::array{6, 8, 12});
  fabric.oversubscription = {pick(std::array{1.0, 2.0, 3.0})};
  fabric.routing = pick(std::array{
      RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kAdaptive, RoutingRule::kAdaptive});
  fabric.gpus_per_nic = pick(std::array{1, 1, 2});
  fabric.switch_latency = pick(std::array{0.0, 0.3}) * microsecond;
  SmallStep first = random_job(random, seed % 3 == 0);
  SmallStep second = random_job(random, false);
  std::vector<int> nodes(static_cast<std::size_t>(first.cluster.nodes + second.cluster.nodes +
                                                  pick(std::array{0, 2})));
  std::iota(nodes.begin(), nodes.end(), 0);
  if (seed % 2 == 0) {
    std::ranges::shuffle(nodes, random);
  }
  TwoJobs jobs = side_by_side(std::move(first), std::move(second), fabric, std::move(nodes));
  jobs.steps = pick(std::array{1, 2});
  return jobs;
}

class Neighbours : public testing::TestWithParam<unsigned> {};

TEST_P(Neighbours, FoldedAndUnfoldedStepsAgree) {
  int built = 0;
  int folded = 0;
  for (unsigned seed = GetParam() * 25; seed < (GetParam() + 1) * 25; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const TwoJobs jobs = random_jobs(seed);
    SCOPED_TRACE(jobs.first.text() + " beside " + jobs.second.text());
    try {
      const Partition classes = jobs.classes();
      const FoldedAndWhole both(
          jobs.simulate(Folding::kFolded), jobs.simulate(Folding::kUnfolded), classes);
      both.expect_same_events();
      both.expect_same_loads();
      ++built;
      folded += classes.members.size() < classes.class_of.size() ? 1 : 0;
    } catch (const InputError&) {
      continue;  // too many nodes for so few ports
    }
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(built, 12);
  EXPECT_GT(folded, 5);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Neighbours, testing::Range(0U, 20U));

/// When the first job's last event ends.
Seconds end_of_first(const TwoJobs& jobs, const Timeline& timeline) {
  const std::size_t ranks = jobs.lay_out(Folding::kFolded)[0].classes.ranks.members.size();
  Seconds end;
  for (const Event& event : timeline.events) {
    if (static_cast<std::size_t>(event.rank) < ranks) {
      end = std::max(end, Seconds(event.end));
    }
  }
  return end;
}

SmallStep four_nodes() {
  return small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .expert = 8});
}

/// The first job by itself, on the nodes it has beside the second.
Seconds end_alone(const TwoJobs& jobs) {
  SmallStep alone = jobs.first;
  alone.cluster.fabric = jobs.together.fabric;
  alone.cluster.placement = jobs.together.placement;
  alone.cluster.placement->nodes.resize(static_cast<std::size_t>(alone.cluster.nodes));
  return simulate_step(alone).end;
}

FabricSpec small_leaves(double oversubscription) {
  FabricSpec fabric;
  fabric.kind = FabricKind::kFatTree;
  fabric.radix = 16;
  fabric.oversubscription = {oversubscription};
  return fabric;
}

// Jobs that interleave share leaves, whose uplinks are too few; on a full tree they do not meet.
TEST(Neighbour, CostsWhereUplinksAreSharedAndFew) {
  const std::vector<int> alternating = {0, 2, 4, 6, 1, 3, 5, 7};
  const TwoJobs full = side_by_side(four_nodes(), four_nodes(), small_leaves(1.0), alternating);
  const Timeline beside = full.simulate(Folding::kFolded);
  EXPECT_EQ(end_of_first(full, beside), end_alone(full));
  const TwoJobs scarce = side_by_side(four_nodes(), four_nodes(), small_leaves(3.0), alternating);
  EXPECT_GT(end_of_first(scarce, scarce.simulate(Folding::kFolded)), 1.01 * end_alone(scarce));
}

// Three nodes a leaf: the jobs have two leaves each.
TEST(Neighbour, CostsNothingOnLeavesOfItsOwn) {
  const TwoJobs jobs = side_by_side(
      four_nodes(), four_nodes(), small_leaves(3.0), {0, 1, 2, 3, 6, 7, 8, 9, 4, 5, 10, 11});
  EXPECT_EQ(end_of_first(jobs, jobs.simulate(Folding::kFolded)), end_alone(jobs));
}

}  // namespace
}  // namespace towtank
