// Plans whose groups sit unevenly on their nodes, on clusters whose last node is partly in use:
// folding stays exact, the engines agree, and no bytes are lost.
#include <array>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/graph/group_traffic.hpp"
#include "sim/plan/expert_group.hpp"
#include "sim/plan/group_layout.hpp"
#include "sim/plan/token_routing.hpp"
#include "tests/agree/engines_agree.hpp"
#include "tests/agree/folded_timeline.hpp"
#include "tests/agree/random_step.hpp"
#include "tests/sim/collective/costs_maker.hpp"
#include "tests/sim/graph/ragged_step.hpp"

namespace towtank {
namespace {

/// All layers on every data rank.
SmallStep with_one_stage(SmallStep step) {
  step.plan.pipeline = 1;
  step.plan.schedule = ScheduleKind::k1F1B;
  step.plan.interleave = 1;
  return on_nodes_of(step, step.cluster.gpus_per_node);
}

/// With a slow GPU or port now and then.
SmallStep faulty_step(unsigned seed) {
  SmallStep step = ragged_step(seed);
  std::mt19937 random(seed + 1);
  if (seed % 3 == 0) {
    const int gpu = std::uniform_int_distribution<int>(0, step.plan.ranks() - 1)(random);
    step.cluster.faults = {
        {.gpu = gpu, .slowdown = seed % 2 == 0 ? 1.5 : 1.0, .nvlink = 1.0, .nic = 0.5}};
  }
  if (seed % 4 == 1) {
    step.plan.expert_plan.load = ZipfLoad{.exponent = 0.2, .seed = seed};
    const Mesh mesh(step.plan, step.cluster.gpus_per_node);
    const GroupShape shape = group_shape(mesh, mesh.expert_group(0));
    if (expert_problem(step.model.moe, shape, step.plan.expert_plan)) {
      step.plan.expert_plan.load = UniformLoad{};
    }
  }
  return step;
}

/// On switches, and on rails that only NVLink joins.
SmallStep step_on_fabric(unsigned seed) {
  SmallStep step = faulty_step(seed);
  std::mt19937 random(seed + 2);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  FabricSpec fabric;
  fabric.kind = pick(
      std::array{FabricKind::kFatTree, FabricKind::kRailOptimised, FabricKind::kRailOptimised});
  fabric.cross_rail =
      pick(std::array{CrossRail::kSpine, CrossRail::kNvlinkFirst, CrossRail::kNvlinkLast});
  fabric.tiers = 2;
  fabric.radix = pick(std::array{8, 16});
  fabric.oversubscription = {pick(std::array{1.0, 3.0})};
  fabric.routing =
      pick(std::array{RoutingRule::kAdaptive, RoutingRule::kDModK, RoutingRule::kEcmp});
  fabric.link_latency = pick(std::array{0.0, 0.5}) * microsecond;
  fabric.seed = seed;
  step.cluster.fabric = fabric;
  return step;
}

class Ragged : public testing::TestWithParam<unsigned> {
 protected:
  static constexpr unsigned kBlock = 25;
  unsigned first() const { return GetParam() * kBlock; }
  unsigned end() const { return first() + kBlock; }
};

TEST_P(Ragged, FoldedAndUnfoldedStepsAgree) {
  int uneven = 0;
  const auto counted = [&uneven](unsigned seed) {
    SmallStep step = faulty_step(seed);
    const Mesh mesh(step.plan, step.cluster.gpus_per_node);
    for (int rank = 0; rank < mesh.ranks(); rank += step.plan.expert) {
      uneven += group_shape(mesh, mesh.expert_group(rank)).even() ? 0 : 1;
    }
    return step;
  };
  EXPECT_EQ(steps_that_fold(first(), end(), counted), static_cast<int>(kBlock));
  EXPECT_GT(uneven, 0);
}

// Rings, trees and NVSwitches that take uneven parts.
TEST_P(Ragged, FoldedAndUnfoldedStepsAgreeWithAnyCollectives) {
  Profile profile = datasheet_profile();
  profile.network = round_profile().network;
  const auto forced = [](unsigned seed) {
    SmallStep step = seed % 2 == 0 ? faulty_step(seed) : step_on_fabric(seed);
    force_collectives(seed, step);
    return step;
  };
  EXPECT_GT(steps_that_fold(first(), end(), forced, profile), static_cast<int>(kBlock) / 5);
}

TEST_P(Ragged, FoldedAndUnfoldedStepsAgreeOnFabrics) {
  EXPECT_GT(steps_that_fold(first(), end(), step_on_fabric), static_cast<int>(kBlock) / 3);
}

/// Of one kind, over both media.
double total(const std::vector<GroupTraffic>& all, GroupKind group, TransferKind transfer) {
  double sum = 0.0;
  for (const GroupTraffic& traffic : all) {
    if (traffic.group == group && traffic.transfer == transfer) {
      sum += (traffic.total.nvlink + traffic.total.nic).si();
    }
  }
  return sum;
}

/// Tokens of a step on all ranks, a layer.
double tokens_of(const TrainingPlan& plan) {
  return static_cast<double>(plan.batch * plan.sequence);
}

// However a group sits on its nodes, keys and values reach each other rank of the sequence once, in
// both passes, and their gradients come back once.
TEST_P(Ragged, SequencesAreSharedWithoutLoss) {
  for (unsigned seed = GetParam() * kBlock; seed < (GetParam() + 1) * kBlock; ++seed) {
    const SmallStep step = ragged_step(seed);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, step.text()));
    const JobLayout job = step.lay_out(Folding::kFolded);
    const std::vector<GroupTraffic> moved = group_traffic(job, lower_training_step(job));
    const double once =
        tokens_of(step.plan) * static_cast<double>(step.model.layers + step.model.mtp_modules) *
        static_cast<double>(key_value_width(step.model.attention)) * 2.0 * (step.plan.context - 1);
    EXPECT_NEAR(
        total(moved, GroupKind::kContext, TransferKind::kAllGather), 2.0 * once, 1e-9 * once);
    EXPECT_NEAR(total(moved, GroupKind::kContext, TransferKind::kReduceScatter), once, 1e-9 * once);
  }
}

// Copies of balanced routing, from the probabilities of a routing that knows each expert: one to
// each other node that a token visits, and one to each GPU it visits but that where it is, or
// lands.
TEST_P(Ragged, TokensGoToEveryNodeAndGpuTheyVisitOnce) {
  for (unsigned seed = GetParam() * kBlock; seed < (GetParam() + 1) * kBlock; ++seed) {
    const SmallStep step = with_one_stage(ragged_step(seed));
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, step.text()));
    const Mesh mesh(step.plan, step.cluster.gpus_per_node);
    const auto experts = static_cast<std::size_t>(step.model.moe.experts);
    const TokenRouting routing(step.model.moe, std::vector<double>(experts, 0.5));
    const std::size_t of_rank = experts / static_cast<std::size_t>(step.plan.expert);
    const auto visits = [&](int first, int count) {
      std::vector<double> part(experts, 0.0);
      for (std::size_t i = 0; i < of_rank * static_cast<std::size_t>(count); ++i) {
        part[of_rank * static_cast<std::size_t>(first) + i] = 1.0;
      }
      return routing.visit_probability(part);
    };
    double copies = 0.0;  // of one token of each rank
    for (int first = 0; first < mesh.ranks(); first += step.plan.expert) {
      const std::vector<int> group = mesh.expert_group(first);
      const GroupLayout layout(mesh, group);
      for (const int from : group) {
        const Peers peers = layout.peers(from);
        for (std::size_t node = 0; node < layout.nodes(); ++node) {
          const std::vector<int> there(layout.node(node).begin(), layout.node(node).end());
          const bool own = mesh.node(there.front()) == mesh.node(from);
          copies += own ? 0.0 : visits(there.front() - first, static_cast<int>(there.size()));
          for (const int rank : there) {
            const bool landing = own ? rank == from : layout.lands(from, rank);
            copies += landing ? 0.0 : visits(rank - first, 1);
          }
        }
      }
    }
    const JobLayout job = step.lay_out(Folding::kFolded);
    const std::vector<GroupTraffic> moved = group_traffic(job, lower_training_step(job));
    const double layers =
        static_cast<double>(step.model.layers - step.model.dense_layers + step.model.mtp_modules);
    const double expected = 2.0 * copies * layers * tokens_of(step.plan) / step.plan.ranks() *
                            static_cast<double>(step.model.hidden);
    const double out = total(moved, GroupKind::kExperts, TransferKind::kDispatch);
    const double back = total(moved, GroupKind::kExperts, TransferKind::kCombine);
    EXPECT_NEAR(out, expected * (1.0 + 4.0 / 128.0), 1e-9 * expected);
    EXPECT_NEAR(back, expected * 2.0, 1e-9 * expected);
  }
}

// What leaves all ports of a medium enters others.
TEST_P(Ragged, PortsReceiveWhatPortsSend) {
  for (unsigned seed = GetParam() * kBlock; seed < (GetParam() + 1) * kBlock; seed += 5) {
    const SmallStep step = faulty_step(seed);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, step.text()));
    const Timeline timeline = simulate_step(step, Folding::kUnfolded);
    std::map<std::string, double> carried;
    for (const LinkUse& use : timeline.links) {
      carried[use.name] += use.carried.si();
    }
    EXPECT_NEAR(carried["nvlink out"], carried["nvlink in"], 1e-9 * carried["nvlink in"]);
    EXPECT_NEAR(carried["nic out"], carried["nic in"], 1e-9 * carried["nic in"]);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Ragged, testing::Range(0U, 12U));

TEST(RaggedEngines, AgreeEventByEvent) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const SmallStep step = faulty_step(seed);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, step.text()));
    expect_engines_agree(step, seed % 2 == 0 ? Folding::kFolded : Folding::kUnfolded);
  }
}

// GPUs that nobody uses change nothing.
TEST(RaggedCluster, IsAsFastAsItsRanksWhenNothingLeavesANode) {
  SmallStep whole = small_step(ScheduleKind::k1F1B, {.pipeline = 1, .data = 4, .expert = 4});
  const SmallStep partly = on_nodes_of(whole, 8);
  EXPECT_EQ(partly.cluster.idle, 4);
  EXPECT_EQ(simulate_step(partly).end, simulate_step(whole).end);
}

}  // namespace
}  // namespace towtank
