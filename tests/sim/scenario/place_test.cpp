#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/scenario/scenario.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

using testing::EndsWith;

/// Mistakes of a scenario file whose line `line` is replaced by `text`.
std::vector<Diagnostic> mistakes_with_line(const std::string& line, const std::string& text) {
  const TemporaryFolder folder;
  std::string whole = whole_scenario();
  const std::size_t at = whole.find(line);
  check(at != std::string::npos, "the line is in the scenario");
  whole.replace(at, line.size(), text);
  try {
    read_scenario(folder.write("s.toml", whole), {});
    return {};
  } catch (const InputError& error) {
    return error.diagnostics();
  }
}

TEST(Place, OfAWrongValueIsTheValue) {
  const auto mistakes = mistakes_with_line("layers = 8", "layers = \"eight\"");
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_THAT(mistakes[0].place.file, EndsWith("s.toml"));
  EXPECT_EQ(mistakes[0].place.line, 5);
  EXPECT_EQ(mistakes[0].place.column, 10);
}

TEST(Place, OfAnUnknownKeyIsTheKey) {
  const auto mistakes = mistakes_with_line("zero = 1", "zero = 1\n  zeros = 1");
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].place.line, 33);
  EXPECT_EQ(mistakes[0].place.column, 3);
}

TEST(Place, InsideAnInlineTableIsExact) {
  const auto mistakes =
      mistakes_with_line("nic = {bandwidth = \"400 Gbit/s\"", "nic = {bandwith = \"400 Gbit/s\"");
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].place.line, 20);
  EXPECT_EQ(mistakes[0].place.column, 8);
}

TEST(Place, OfARuleIsTheValueToChange) {
  const auto mistakes = mistakes_with_line("pipeline = 2", "pipeline = 3");
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].place.line, 29);
  EXPECT_EQ(mistakes[0].place.column, 12);
}

TEST(Place, OfAnInheritedValueIsTheBaseFile) {
  const TemporaryFolder folder;
  std::string whole = whole_scenario();
  const std::size_t prices = whole.find("[prices]");
  const std::size_t plan = whole.find("[plan]");
  whole.replace(prices, plan - prices, "[prices]\nbase = \"p/list.toml\"\n\n");
  folder.write("p/list.toml", "name = \"x\"\n\nper_gpu = 2\nsource = \"y\"\ndate = \"2025\"\n");
  try {
    read_scenario(folder.write("s.toml", whole), {});
    FAIL() << "accepted a bare price";
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1U);
    const Place& place = error.diagnostics().front().place;
    EXPECT_THAT(place.file, EndsWith("p/list.toml"));
    EXPECT_EQ(place.line, 3);
    EXPECT_EQ(place.column, 11);
  }
}

TEST(Place, OfAnOverriddenValueIsTheFlagAlsoInsideABase) {
  const auto mistakes = mistakes_with({"model.attention.heads=0"});
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].place, (Place{.file = "--set model.attention.heads=0"}));
}

TEST(Place, OfARuleOnAnInheritedValueThatAnOverrideBrokeIsTheValueToChange) {
  const auto mistakes = mistakes_with({"model.layers=8"});
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_THAT(mistakes[0].place.file, EndsWith(kH800));  // of plan.pipeline
}

TEST(PlaceOf, AnEntryIsWhereItsValueIsWritten) {
  const TemporaryFolder folder;
  const std::string file = folder.write("s.toml", whole_scenario());
  const Scenario scenario = read_scenario(file, {{.key = "plan.communication_sms", .value = "20"}});
  EXPECT_EQ(place_of(scenario, "model.layers"), (Place{.file = file, .line = 5, .column = 10}));
  EXPECT_EQ(place_of(scenario, "plan.communication_sms"),
            (Place{.file = "--set plan.communication_sms=20"}));
}

TEST(PlaceOf, ADerivedValueIsAtItsTable) {
  const Scenario scenario = with({});
  EXPECT_EQ(place_of(scenario, "plan.data").line + 1, place_of(scenario, "plan.pipeline").line);
  EXPECT_EQ(place_of(scenario, "no.such.key"), (Place{.file = shipped(kH800)}));
}

}  // namespace
}  // namespace towtank
