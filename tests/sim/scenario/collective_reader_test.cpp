// The [plan.collectives] table of a scenario.
#include "sim/scenario/collective_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/profile/toml_document.hpp"
#include "tests/sim/scenario/mistakes_text.hpp"

namespace towtank {
namespace {

using testing::AllOf;
using testing::HasSubstr;

CollectivePlan read(const std::string& text, int zero_stage = 1, bool in_groups = false) {
  Mistakes mistakes;
  const TomlNode document = parse_toml(text, "scenario.toml");
  TomlTable plan(document, "plan", mistakes);
  CollectivePlan collectives =
      read_collectives(plan, {.zero_stage = zero_stage, .in_groups = in_groups});
  plan.finish();
  mistakes.throw_if_any();
  return collectives;
}

std::string mistakes_in(const std::string& text, int zero_stage = 1) {
  return mistakes_of([&] { read(text, zero_stage); });
}

TEST(CollectivePlan, ForcesNothingUnlessTheScenarioSaysSo) {
  EXPECT_EQ(read(""), CollectivePlan());
}

TEST(CollectivePlan, ForcesAlgorithmsByKind) {
  const CollectivePlan plan = read(
      "[collectives]\nreduce_scatter = \"ring\"\nall_gather = \"hierarchical\"\n"
      "protocol = \"ll128\"\n");
  EXPECT_EQ(forced(plan, Collective::kReduceScatter), Algorithm::kRing);
  EXPECT_EQ(forced(plan, Collective::kAllGather), Algorithm::kHierarchical);
  EXPECT_EQ(forced(plan, Collective::kAllReduce), std::nullopt);
  EXPECT_EQ(plan.protocol, Protocol::kLl128);
  EXPECT_EQ(plan.places.at("all_gather").line, 3);
}

TEST(CollectivePlan, RefusesAlgorithmsThatDoNoSuchCollective) {
  EXPECT_THAT(mistakes_in("[collectives]\nall_gather = \"double-tree\"\n"),
              AllOf(HasSubstr("scenario.toml:2:14"), HasSubstr("ring"), HasSubstr("hierarchical")));
  EXPECT_THAT(mistakes_in("[collectives]\nall_reduce = \"direct\"\n", 0),
              HasSubstr("scenario.toml:2:14"));
}

TEST(CollectivePlan, RefusesToForceWhatThePlanDoesNotRun) {
  EXPECT_THAT(mistakes_in("[collectives]\nall_reduce = \"ring\"\n"),
              HasSubstr("a plan with zero = 1 has no all-reduce"));
  EXPECT_THAT(mistakes_in("[collectives]\nreduce_scatter = \"ring\"\n", 0),
              HasSubstr("a plan with zero = 0 has no reduce-scatter"));
  EXPECT_THAT(mistakes_in("[collectives]\nin_switch = false\n"), HasSubstr("no all-reduce"));
  EXPECT_EQ(mistakes_in("[collectives]\nall_reduce = \"double-tree\"\nin_switch = false\n", 0), "");
  EXPECT_THAT(mistakes_in("[collectives]\nall_reduce = \"ring\"\n", 3), HasSubstr("zero = 3"));
}

// Gradients of sharded groups are added up across the groups.
TEST(CollectivePlan, OfShardedGroupsMayForceEveryKind) {
  EXPECT_TRUE(
      read("[collectives]\nall_reduce = \"ring\"\nall_gather = \"ring\"\n", 3, true).in_switch);
}

}  // namespace
}  // namespace towtank
