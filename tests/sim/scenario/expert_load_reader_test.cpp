// The [experts] table of a scenario.
#include "sim/scenario/expert_load_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/scenario/mistakes_text.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const ExpertLayer kLayer = {.experts = 8, .top_k = 2, .groups = 4, .groups_per_token = 2};
const GroupShape kTwoNodes = {.local = 2, .nodes = 2};

/// Reads a document that has nothing but the table, and checks it on two nodes.
ExpertPlan read(const std::string& text, const std::filesystem::path& directory = ".") {
  Mistakes mistakes;
  const TomlNode document = parse_toml(text, (directory / "scenario.toml").string());
  TomlTable root(document, "", mistakes);
  ExpertPlan plan = read_expert_plan(root, document, kLayer, directory, mistakes);
  root.finish();
  check_expert_plan(plan, kLayer, kTwoNodes, document, mistakes);
  mistakes.throw_if_any();
  return plan;
}

std::string mistakes_in(const std::string& text, const std::filesystem::path& directory = ".") {
  return mistakes_of([&] { read(text, directory); });
}

TEST(ExpertPlan, IsUniformAndStaticUnlessTheScenarioSaysOtherwise) {
  for (const char* text : {"", "[experts]\n", "[experts]\nload = \"uniform\"\n"}) {
    const ExpertPlan plan = read(text);
    EXPECT_EQ(load_text(plan.load), "uniform");
    EXPECT_EQ(plan.placement, PlacementPolicy::kStatic);
    EXPECT_EQ(plan.redundant, 0);
  }
}

TEST(ExpertPlan, IsReadAsWritten) {
  const ExpertPlan plan = read(
      "[experts]\nload = {zipf = 0.4, seed = 7}\nplacement = \"hierarchical\"\nredundant = 4\n");
  EXPECT_EQ(load_text(plan.load), "Zipf 0.4, seed 7");
  EXPECT_EQ(plan.placement, PlacementPolicy::kHierarchical);
  EXPECT_EQ(plan.redundant, 4);
  EXPECT_EQ(read("[experts]\nplacement = \"global\"\n").placement, PlacementPolicy::kGlobal);
  EXPECT_EQ(read("[experts]\nplacement = \"balanced\"\n").placement, PlacementPolicy::kBalanced);
}

TEST(ExpertPlan, SeeksItsHistogramBesideTheScenario) {
  const TemporaryFolder folder;
  const std::string path =
      folder.write("counts.csv", "expert,count\n0,1\n1,2\n2,3\n3,4\n4,5\n5,6\n6,7\n7,8\n");
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  const ExpertPlan plan = read("[experts]\nload = {histogram = \"counts.csv\"}\n", directory);
  EXPECT_EQ(load_text(plan.load), "counted in counts.csv");
  EXPECT_THAT(std::get<CountedLoad>(plan.load).counts,
              testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(mistakes_in("[experts]\nload = {histogram = \"count.csv\"}\n", directory),
              AllOf(HasSubstr("scenario.toml:2"), HasSubstr("there is no histogram file")));
  EXPECT_THAT(mistakes_in("[experts]\nload = {histogram = \"counts.csv\", layer = 2}\n", directory),
              AllOf(HasSubstr("counts.csv:1"), HasSubstr("no column 'layer'")));
}

TEST(ExpertPlan, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(mistakes_in("[experts]\nload = \"unifrom\"\n"), HasSubstr("did you mean 'uniform'?"));
  EXPECT_THAT(mistakes_in("[experts]\nload = 3\n"), HasSubstr("found the integer 3"));
  EXPECT_THAT(mistakes_in("[experts]\nload = {seed = 3}\n"),
              HasSubstr("without zipf or histogram"));
  EXPECT_THAT(mistakes_in("[experts]\nload = {zipf = 1, histogram = \"x\"}\n"),
              HasSubstr("either zipf or a histogram"));
  EXPECT_THAT(mistakes_in("[experts]\nload = {zipf = -1}\n"), HasSubstr("scenario.toml:2"));
  EXPECT_THAT(mistakes_in("[experts]\nplacement = \"eplb\"\n"),
              HasSubstr("one of: static, balanced, hierarchical, global"));
  EXPECT_THAT(mistakes_in("[experts]\nredundent = 4\n"), HasSubstr("redundant"));
}

TEST(ExpertPlan, RefusesWhatCannotBeAtTheKeyToChange) {
  EXPECT_THAT(mistakes_in("[experts]\nredundant = 3\n"),
              AllOf(HasSubstr("scenario.toml:2"), HasSubstr("redundant = 4 would do")));
  EXPECT_THAT(mistakes_in("[experts]\nload = {zipf = 5}\n"),
              AllOf(HasSubstr("scenario.toml:2"), HasSubstr("exponents up to")));
}

}  // namespace
}  // namespace towtank
