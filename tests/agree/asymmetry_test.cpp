// Folding stays exact when ranks differ: generated clusters with slow GPUs and degraded ports.
#include <array>
#include <optional>

#include <gtest/gtest.h>

#include "sim/plan/expert_group.hpp"
#include "tests/agree/folded_timeline.hpp"
#include "tests/agree/random_step.hpp"
#include "tests/sim/collective/costs_maker.hpp"

namespace towtank {
namespace {

// In blocks of seeds, so that a failure is found soon.
constexpr unsigned kBlock = 50;
constexpr unsigned kBlocks = 20;

class Asymmetry : public testing::TestWithParam<unsigned> {
 protected:
  unsigned first() const { return GetParam() * kBlock; }
  unsigned end() const { return first() + kBlock; }
};

TEST_P(Asymmetry, FoldedAndUnfoldedStepsAgree) {
  const int built =
      steps_that_fold(first(), end(), [](unsigned seed) { return random_step(seed); });
  EXPECT_EQ(built, static_cast<int>(kBlock));
}

// Whatever the network: wires that cannot be full are simulated by the unfolded step alone. Some
// have too few ports for the nodes, or traffic that divides into no whole parts.
TEST_P(Asymmetry, FoldedAndUnfoldedStepsAgreeOnFabrics) {
  const int built =
      steps_that_fold(first(), end(), [](unsigned seed) { return random_step_on_fabric(seed); });
  EXPECT_GT(built, static_cast<int>(kBlock) / 2);
}

TEST_P(Asymmetry, FoldedAndUnfoldedStepsAgreeOnCardsAndRails) {
  const int built = steps_that_fold(first(), end(), random_step_with_cards);
  EXPECT_GT(built, static_cast<int>(kBlock) / 2);
}

TEST_P(Asymmetry, FoldedAndUnfoldedStepsAgreeWithUnevenExperts) {
  const auto every_second = [](unsigned seed) -> std::optional<SmallStep> {
    const SmallStep step = random_step_with_uneven_experts(seed);
    const Mesh mesh(step.plan, step.cluster.gpus_per_node);
    const GroupShape group = group_shape(mesh, mesh.expert_group(0));
    const bool can_be = !expert_problem(step.model.moe, group, step.plan.expert_plan);
    return seed % 4 < 2 && can_be ? std::optional(step) : std::nullopt;
  };
  EXPECT_GT(steps_that_fold(first(), end(), every_second), static_cast<int>(kBlock) / 5);
}

// Groups that an algorithm cannot run on take another; a step in which none can is refused.
TEST_P(Asymmetry, FoldedAndUnfoldedStepsAgreeWithAnyCollectives) {
  Profile profile = datasheet_profile();
  profile.network = round_profile().network;
  const int built = steps_that_fold(first(), end(), random_step_with_collectives, profile);
  EXPECT_GT(built, static_cast<int>(kBlock) / 5);
}

// What a planted fault does is not averaged away: its rank is alone in its class, and slower GPUs
// make a longer step.
TEST_P(Asymmetry, EveryFaultIsPreserved) {
  for (unsigned seed = first(); seed < end(); seed += 5) {
    SmallStep step = random_step(seed);
    step.cluster.faults = {{.gpu = static_cast<int>(seed) % step.plan.ranks(), .slowdown = 1.5}};
    const JobLayout job = step.lay_out(Folding::kFolded);
    const auto at = static_cast<std::size_t>(step.cluster.faults.front().gpu);
    const auto of_faulty = static_cast<std::size_t>(job.classes.ranks.class_of[at]);
    EXPECT_EQ(job.classes.ranks.members[of_faulty], 1);
    const Seconds faulty = simulate_step(step).end;
    step.cluster.faults.clear();
    EXPECT_GT(faulty, simulate_step(step).end);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Asymmetry, testing::Range(0U, kBlocks));

}  // namespace
}  // namespace towtank
