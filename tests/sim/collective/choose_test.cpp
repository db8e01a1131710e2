#include "sim/collective/choose.hpp"

#include <gtest/gtest.h>

#include "tests/sim/collective/costs_maker.hpp"

namespace towtank {
namespace {

Chosen chosen(const CollectiveCall& call, const Wishes& wishes = {}) {
  return choose(call, round_profile(), round_speeds(), wishes);
}

TEST(Choice, IsTheFastestOfAllThatCanRun) {
  for (const Bytes bytes : {1 * KB, 1 * MB, 1 * GB}) {
    for (const auto& members : {even_members(1, 8), even_members(2, 8), even_members(12, 8)}) {
      const CollectiveCall call{.bytes = bytes, .members = members};
      const Seconds best = chosen(call).choice.value().timing.total();
      for (const Algorithm algorithm : {Algorithm::kRing,
                                        Algorithm::kDoubleTree,
                                        Algorithm::kInSwitch,
                                        Algorithm::kInSwitchTree}) {
        for (const Protocol protocol : kProtocols) {
          const Chosen forced = chosen(call, {.algorithm = algorithm, .protocol = protocol});
          EXPECT_EQ(forced.choice.has_value(), forced.why_not.empty());
          if (forced.choice) {
            EXPECT_GE(forced.choice->timing.total(), best);
            EXPECT_EQ(forced.choice->algorithm, algorithm);
            EXPECT_EQ(forced.choice->protocol, protocol);
          }
        }
      }
    }
  }
}

TEST(Choice, TakesInSwitchReductionOnlyWhereThereIsSome) {
  const CollectiveCall call{.bytes = 1 * GB, .members = even_members(1, 8)};
  EXPECT_EQ(chosen(call).choice.value().algorithm, Algorithm::kInSwitch);
  EXPECT_EQ(chosen(call, {.in_switch = false}).choice.value().algorithm, Algorithm::kRing);
  Profile without = round_profile();
  std::erase_if(without.network,
                [](const NetworkCost& cost) { return cost.pattern == Pattern::kInSwitch; });
  EXPECT_EQ(choose(call, without, round_speeds()).choice.value().algorithm, Algorithm::kRing);
  const CollectiveCall pair{.bytes = 1 * GB, .members = even_members(1, 2)};
  EXPECT_EQ(chosen(pair).choice.value().algorithm, Algorithm::kRing);
}

TEST(Choice, PrefersTheTreeWhereHopsCount) {
  const CollectiveCall call{.bytes = 8 * KB, .members = even_members(64, 8)};
  EXPECT_EQ(chosen(call, {.in_switch = false}).choice.value().algorithm, Algorithm::kDoubleTree);
}

TEST(Choice, LetsTheNetworkAddWhenItCan) {
  const CollectiveCall call{.bytes = 1 * GB, .members = even_members(16, 8)};
  EXPECT_EQ(chosen(call, {.in_network = true}).choice.value().algorithm, Algorithm::kInNetwork);
}

TEST(NoChoice, SaysWhy) {
  const CollectiveCall call{.bytes = 1 * GB, .members = even_members(2, 8)};
  EXPECT_EQ(chosen(call, {.algorithm = Algorithm::kInSwitch}).why_not,
            "in-switch stays within one node; between nodes: in-switch-tree");
  EXPECT_EQ(
      chosen(call, {.algorithm = Algorithm::kInSwitchTree, .protocol = Protocol::kLl}).why_not,
      "the profile of round has no costs of in-switch-tree with protocol ll");
  EXPECT_EQ(chosen(call, {.algorithm = Algorithm::kInSwitchTree, .in_switch = false}).why_not,
            "in-switch-tree needs the in-switch reduction that is switched off");
  const CollectiveCall pair{
      .kind = Collective::kSendRecv, .bytes = 1 * GB, .members = even_members(1, 2)};
  EXPECT_TRUE(chosen(pair).choice.has_value());
  EXPECT_EQ(chosen(pair, {.protocol = Protocol::kLl}).why_not,
            "the profile of round has no costs of direct with protocol ll");
  Profile bare;
  bare.gpu.name = "bare";
  EXPECT_EQ(choose(call, bare, round_speeds()).why_not, "the profile of bare has no costs of ring");
}

}  // namespace
}  // namespace towtank
