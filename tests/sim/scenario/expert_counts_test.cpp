// Counted loads of experts: what the file says, and what is wrong with it.
#include "sim/scenario/expert_counts.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/scenario/mistakes_text.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// The mistakes of a file for three experts, all in one text.
std::string mistakes_in(const std::string& text, std::optional<std::int64_t> layer = {}) {
  return mistakes_of([&] { parse_expert_counts(text, "counts.csv", 3, layer); });
}

TEST(ExpertCounts, StandInAnyOrder) {
  EXPECT_THAT(parse_expert_counts("expert,count\n2,30\n0,10\n1,0.5\n", "f", 3, std::nullopt),
              ElementsAre(10.0, 0.5, 30.0));
}

TEST(ExpertCounts, OfOneLayerAreTakenFromSeveral) {
  const std::string text = "layer,expert,count\n3,0,1\n3,1,2\n3,2,3\n4,0,7\n4,1,8\n4,2,9\n";
  EXPECT_THAT(parse_expert_counts(text, "f", 3, 4), ElementsAre(7, 8, 9));
  EXPECT_THAT(mistakes_in(text), HasSubstr("has several layers"));
  EXPECT_THAT(mistakes_in(text, 5), HasSubstr("has no layer 5\n  hint: layers 3 to 4 are there"));
}

TEST(ExpertCounts, AreReadFromAFile) {
  const TemporaryFolder folder;
  const std::string path = folder.write("counts.csv", "expert,count\n0,1\n1,2\n");
  EXPECT_THAT(read_expert_counts(path, 2, std::nullopt), ElementsAre(1, 2));
  EXPECT_THROW(read_expert_counts(path + ".gone", 2, std::nullopt), EnvironmentError);
}

TEST(ExpertCounts, AreRefusedWithTheLineAndAWayOut) {
  EXPECT_THAT(
      mistakes_in("expert,count\n0,1\n3,1\n2,x\n0,4\n"),
      testing::AllOf(HasSubstr("counts.csv:3: '3' is not an expert\n  hint: experts are 0 to 2"),
                     HasSubstr("counts.csv:4: 'x' is not a count"),
                     HasSubstr("counts.csv:5: expert 0 stands on line 2 already")));
  EXPECT_THAT(mistakes_in("expert,count\n0,-1\n1,nan\n2,1e99\n"),
              testing::AllOf(HasSubstr("csv:2"), HasSubstr("csv:3"), HasSubstr("csv:4")));
  EXPECT_THAT(mistakes_in("expert,count\n0,1\n2,1\n"), HasSubstr("has no count of expert 1"));
  EXPECT_THAT(mistakes_in("expert,count\n0,0\n1,0\n2,0\n"), HasSubstr("counts nothing"));
  EXPECT_THAT(mistakes_in("expert,cuont\n0,1\n"), HasSubstr("did you mean 'count'?"));
  EXPECT_THAT(mistakes_in("expert\n0\n"), HasSubstr("there is no column 'count'"));
  EXPECT_THAT(mistakes_in("expert,count\n0,1\n1,1\n2,1\n", 3),
              HasSubstr("there is no column 'layer'"));
  EXPECT_THAT(mistakes_in("layer,expert,count\nx,0,1\n", 3), HasSubstr("'x' is not a layer"));
  EXPECT_THAT(mistakes_in(""), HasSubstr("is empty"));
}

// Whatever stands in the file: counts that are sound, or an InputError.
TEST(ExpertCounts, AreSoundOrRefusedForAnyText) {
  const std::string alphabet = "0123,\n\"-.ex\xff\r layerpcount";
  std::mt19937 random(1);
  for (int trial = 0; trial < 3'000; ++trial) {
    std::string text = trial % 2 == 0 ? "expert,count\n0,1\n1,1\n2,1\n" : "layer,expert,count\n";
    const std::size_t edits = random() % 12;
    for (std::size_t edit = 0; edit < edits; ++edit) {
      text.insert(random() % (text.size() + 1), 1, alphabet[random() % alphabet.size()]);
    }
    try {
      const auto counts = parse_expert_counts(text, "f", 3, std::nullopt);
      ASSERT_EQ(counts.size(), 3U);
      EXPECT_GT(counts[0] + counts[1] + counts[2], 0.0);
    } catch (const InputError& error) {
      EXPECT_FALSE(error.diagnostics().empty());
    }
  }
}

}  // namespace
}  // namespace towtank
