// What a step's collectives run with.
#include "sim/collective/tuner.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/collective/costs_maker.hpp"

namespace towtank {
namespace {

std::string refusal(Tuner& tuner, Collective kind, const std::vector<Member>& members) {
  try {
    tuner.tune(kind, 1 * GB, members);
    tuner.check_forced();
    return "";
  } catch (const InputError& error) {
    return to_string(error.diagnostics().front());
  }
}

// Phase by phase, what waits and what moves take as long as the choice said.
TEST(Tuner, TakesWhatChooseTakes) {
  const Profile profile = round_profile();
  Tuner tuner(profile, round_speeds(), {});
  for (const Collective kind :
       {Collective::kAllReduce, Collective::kAllGather, Collective::kReduceScatter}) {
    for (const auto& members : {even_members(1, 8), even_members(4, 8), even_members(16, 1)}) {
      for (const Bytes bytes : {1 * MB, 1 * GB}) {
        const Choice choice =
            choose({.kind = kind, .bytes = bytes, .members = members}, profile, round_speeds())
                .choice.value();
        const TunedCollective& tuned = tuner.tune(kind, bytes, members);
        EXPECT_EQ(tuned.algorithm, choice.algorithm);
        EXPECT_EQ(tuned.cost.value().protocol, choice.protocol);
        Seconds delays;
        for (const TunedPhase& phase : tuned.phases) {
          delays += phase.delay;
        }
        EXPECT_DOUBLE_EQ(delays.si(), choice.timing.latency().si());
      }
    }
  }
}

TEST(Tuner, FindsOnceWhatGroupsThatSitAlikeRun) {
  const Profile profile = round_profile();
  Tuner tuner(profile, round_speeds(), {});
  std::vector<Member> shifted = even_members(4, 8);
  for (Member& member : shifted) {
    member.gpu += 64;
    member.node += 8;
  }
  const auto* const first = &tuner.tune(Collective::kAllGather, 1 * GB, even_members(4, 8));
  EXPECT_EQ(&tuner.tune(Collective::kAllGather, 1 * GB, shifted), first);
  EXPECT_NE(&tuner.tune(Collective::kAllGather, 2 * GB, shifted), first);
  shifted.back().place = 0;
  EXPECT_NE(&tuner.tune(Collective::kAllGather, 1 * GB, shifted), first);
}

TEST(ForcedAlgorithm, IsTakenWhereItCanRun) {
  const Profile profile = round_profile();
  Tuner tuner(profile, round_speeds(), {.reduce_scatter = Algorithm::kHierarchical});
  EXPECT_EQ(tuner.tune(Collective::kReduceScatter, 1 * GB, even_members(4, 1)).algorithm,
            Algorithm::kRing);
  EXPECT_EQ(tuner.tune(Collective::kReduceScatter, 1 * GB, even_members(4, 8)).algorithm,
            Algorithm::kHierarchical);
  EXPECT_NO_THROW(tuner.check_forced());
}

TEST(ForcedAlgorithm, ThatRunsNowhereIsAMistakeWithItsKey) {
  const Profile profile = round_profile();
  Tuner tuner(profile, round_speeds(), {.reduce_scatter = Algorithm::kHierarchical});
  EXPECT_EQ(refusal(tuner, Collective::kReduceScatter, even_members(4, 1)),
            "plan.collectives.reduce_scatter: hierarchical needs two members or more on every node"
            "\n  hint: leave it out");
}

TEST(ForcedProtocol, ThatTheProfileHasNoCostsOfIsAMistake) {
  Profile profile = round_profile();
  std::erase_if(profile.network,
                [](const NetworkCost& cost) { return cost.protocol == Protocol::kLl128; });
  Tuner tuner(profile, round_speeds(), {.protocol = Protocol::kLl128});
  EXPECT_EQ(refusal(tuner, Collective::kAllGather, even_members(4, 8)),
            "plan.collectives.protocol: the profile of round has no costs of ring with protocol "
            "ll128\n  hint: leave it out");
}

TEST(ForcedAlgorithm, OfWhichThePlanHasNoGroupIsAMistake) {
  const Profile profile = round_profile();
  Tuner tuner(profile, round_speeds(), {.reduce_scatter = Algorithm::kHierarchical});
  EXPECT_NE(refusal(tuner, Collective::kReduceScatter, even_members(1, 1)), "");
}

TEST(ForcedAlgorithm, NeedsAProfileWithCosts) {
  Profile profile = round_profile();
  profile.network.clear();
  EXPECT_THROW(Tuner(profile, round_speeds(), {.all_gather = Algorithm::kRing}), InputError);
  EXPECT_NO_THROW(Tuner(profile, round_speeds(), {}));
}

TEST(Tuner, MakesRingsWithoutCosts) {
  Profile profile = round_profile();
  profile.network.clear();
  Tuner tuner(profile, round_speeds(), {});
  EXPECT_FALSE(tuner.has_costs());
  const TunedCollective& tuned = tuner.tune(Collective::kAllGather, 1 * GB, even_members(2, 4));
  EXPECT_EQ(tuned.algorithm, Algorithm::kRing);
  EXPECT_FALSE(tuned.cost.has_value());
  ASSERT_EQ(tuned.phases.size(), 1U);
  EXPECT_EQ(tuned.phases[0].convoys.size(), 2U);
}

}  // namespace
}  // namespace towtank
