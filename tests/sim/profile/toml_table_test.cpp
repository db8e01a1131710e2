#include "sim/profile/toml_table.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What reading `text` reports, a mistake a line.
std::vector<std::string> mistakes_of(const std::string& text,
                                     const std::function<void(TomlTable&)>& read) {
  Mistakes mistakes;
  std::vector<std::string> found;
  try {
    const TomlNode file = parse_toml(text, "f");
    TomlTable table(file, "", mistakes);
    read(table);
    table.finish();
    mistakes.throw_if_any();
  } catch (const InputError& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      found.push_back(to_string(diagnostic));
    }
  }
  return found;
}

TEST(TomlTable, ReadsEveryKindOfValue) {
  const auto found = mistakes_of(
      "whole = 8\nreal = 2.5\nreal_as_whole = 3\nname = \"x\"\nyes = true\nkind = \"b\"\n"
      "delay = \"3.7 us\"\nlink = \"400 Gbit/s\"\nlist = [1, 2]\nreals = [1, 2.5]\n"
      "[sub]\na = 1\n[[item]]\nb = 1\n[[item]]\nb = 2\n",
      [](TomlTable& table) {
        const std::vector<std::string> kinds = {"a", "b"};
        EXPECT_EQ(table.integer("whole"), 8);
        EXPECT_EQ(table.number("real"), 2.5);
        EXPECT_EQ(table.number("real_as_whole"), 3.0);
        EXPECT_EQ(table.text("name", "y"), "x");
        EXPECT_TRUE(table.flag("yes"));
        EXPECT_EQ(table.word("kind", kinds), "b");
        EXPECT_DOUBLE_EQ(table.time("delay") / microsecond, 3.7);
        EXPECT_DOUBLE_EQ(table.bandwidth("link") / (GB / second), 50.0);
        EXPECT_THAT(table.integers("list"), ElementsAre(1, 2));
        EXPECT_THAT(table.numbers("reals"), ElementsAre(1.0, 2.5));
        TomlTable sub = table.table("sub", "[sub]");
        EXPECT_EQ(sub.integer("a"), 1);
        sub.finish();
        std::vector<std::int64_t> items;
        for (TomlTable& item : table.tables("item")) {
          items.push_back(item.integer("b"));
          item.finish();
        }
        EXPECT_THAT(items, ElementsAre(1, 2));
      });
  EXPECT_THAT(found, IsEmpty());
}

TEST(TomlTable, AbsentOptionalValuesTakeTheirFallback) {
  const auto found = mistakes_of("", [](TomlTable& table) {
    EXPECT_EQ(table.integer_or("a", 7), 7);
    EXPECT_EQ(table.number_or("b", 0.5), 0.5);
    EXPECT_EQ(table.text_or("c", "text"), "text");
    EXPECT_TRUE(table.flag_or("d", true));
    EXPECT_EQ(table.time_or("e", second), second);
    EXPECT_THAT(table.integers_or_none("f"), IsEmpty());
    EXPECT_FALSE(table.optional_table("g"));
    EXPECT_THAT(table.tables("h"), IsEmpty());
  });
  EXPECT_THAT(found, IsEmpty());
}

TEST(TomlTable, ReportsEveryMistakeAtItsPlaceInTheOrderOfTheText) {
  const auto found = mistakes_of("b = \"two\"\na = 100\nlink = 400\n", [](TomlTable& table) {
    table.integer("a", {.least = 1, .most = 10});
    table.integer("b");
    table.bandwidth("link");
  });
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], "f:1:5: 'b': expected an integer, found the text \"two\"");
  EXPECT_EQ(found[1], "f:2:5: 'a': expected an integer from 1 to 10, found the integer 100");
  EXPECT_THAT(found[2], HasSubstr("f:3:8: 'link': expected a bandwidth with its unit"));
  EXPECT_THAT(found[2], HasSubstr("hint: write a bandwidth like \"400 Gbit/s\""));
}

TEST(TomlTable, MissingKeyIsReportedAtItsTableWithAnExample) {
  const auto found = mistakes_of("\n[plan]\n", [](TomlTable& table) {
    table.table("plan", "[plan]").integer("pipeline", {.example = 16});
  });
  EXPECT_THAT(found,
              ElementsAre("f:2:1: missing key 'pipeline' in [plan]\n  hint: add, for example: "
                          "pipeline = 16"));
}

TEST(TomlTable, MisspeltKeyIsOneMistakeNotTwo) {
  const auto found =
      mistakes_of("pipline = 8\n", [](TomlTable& table) { table.integer("pipeline"); });
  EXPECT_THAT(found,
              ElementsAre("f:1:1: unknown key 'pipline' in the file\n  hint: did you mean "
                          "'pipeline'?"));
}

TEST(TomlTable, KeysThatItOnlyLookedForAreKnown) {
  const auto read = [](TomlTable& table) {
    EXPECT_FALSE(table.has("protocol"));
    EXPECT_FALSE(table.holds("radix"));
    table.integer_or("nodes", 1);
  };
  EXPECT_THAT(mistakes_of("foo = 1\n", read),
              ElementsAre("f:1:1: unknown key 'foo' in the file\n  hint: one of: nodes, protocol"));
}

TEST(TomlTable, MissingTableReportsNoneOfItsKeys) {
  const auto found = mistakes_of("", [](TomlTable& table) {
    TomlTable plan = table.table("plan", "[plan] pipeline = 16");
    plan.integer("pipeline");
    plan.bandwidth("link");
    plan.finish();
  });
  EXPECT_THAT(found, ElementsAre(HasSubstr("missing table [plan]")));
}

TEST(TomlTable, NonFiniteNumbersAreRefused) {
  const auto found = mistakes_of("a = inf\nb = nan\n", [](TomlTable& table) {
    table.number("a");
    table.number("b");
  });
  EXPECT_EQ(found.size(), 2U);
}

TEST(TomlTable, UnquotedDateShowsHowToQuoteIt) {
  const auto found =
      mistakes_of("date = 2024-12-27\n", [](TomlTable& table) { table.text("date", "2024"); });
  EXPECT_THAT(found, ElementsAre(HasSubstr("hint: write it in quotes: \"2024-12-27\"")));
}

TEST(TomlTable, WrongItemsOfAnArrayAreReportedEachAtItsPlace) {
  const auto found = mistakes_of("list = [1, \"x\", 3,\n  true]\n", [](TomlTable& table) {
    EXPECT_THAT(table.integers("list"), ElementsAre(1, 3));
  });
  EXPECT_THAT(found, ElementsAre(HasSubstr("f:1:12:"), HasSubstr("f:2:3:")));
}

TEST(Mistakes, ValuesInsideAnUnsoundTableAreUnsound) {
  Mistakes mistakes;
  mistakes.add("plan.pipeline", {.file = "f"}, "wrong");
  mistakes.distrust("cluster");
  EXPECT_FALSE(mistakes.sound("plan.pipeline"));
  EXPECT_FALSE(mistakes.sound("cluster.nic.bandwidth"));
  EXPECT_TRUE(mistakes.sound("plan"));
  EXPECT_TRUE(mistakes.sound("plan.pipe"));
  EXPECT_TRUE(mistakes.sound("clusters"));
}

TEST(TomlDocument, GrammarMistakeHasAPlace) {
  try {
    parse_toml("a = 1\nb = \"open\nc = 2\n", "f");
    FAIL() << "accepted an open quote";
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics().at(0).place.file, "f");
    EXPECT_EQ(error.diagnostics().at(0).place.line, 2);
  }
}

TEST(TomlDocument, EndlessNestingIsAMistakeNotACrash) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) {
    key += ".a";
  }
  EXPECT_THROW(parse_toml(key + " = 1\n", "f"), InputError);
  EXPECT_THROW(parse_toml("a = " + std::string(100'000, '['), "f"), InputError);
  std::string opened = "a = ";
  std::string closed;
  for (int i = 0; i < 100; ++i) {
    opened += "[\n{a.a.a.a.a.a.a.a.a.a = ";
    closed += "}\n]";
  }
  EXPECT_THROW(parse_toml(opened + "1" + closed, "f"), InputError);
}

TEST(TomlDocument, UnreadableFileIsTheEnvironmentsFault) {
  EXPECT_THROW(read_toml_file("no/such/file.toml"), EnvironmentError);
  EXPECT_THROW(read_toml_file("."), EnvironmentError);
}

TEST(TomlDocument, LayingOverKeepsEachValuesPlace) {
  const TomlNode merged = laid_over(parse_toml("a = 1\n[t]\nx = 1\n", "top"),
                                    parse_toml("b = 2\n[t]\nx = 2\ny = 2\n", "base"));
  EXPECT_EQ(find_member(merged, "a")->node.place.file, "top");
  EXPECT_EQ(find_member(merged, "b")->node.place.file, "base");
  const TomlNode& table = find_member(merged, "t")->node;
  EXPECT_EQ(std::get<std::int64_t>(find_member(table, "x")->node.value), 1);
  EXPECT_EQ(find_member(table, "x")->node.place.file, "top");
  EXPECT_EQ(find_member(table, "y")->node.place.file, "base");
}

TEST(TomlDocument, ValueThatIsNotTomlIsText) {
  const Place place{.file = "--set"};
  const auto text = [&place](const char* value) {
    const TomlNode node = parse_toml_value(value, place);
    const auto* found = std::get_if<std::string>(&node.value);
    return found == nullptr ? "not text" : *found;
  };
  EXPECT_EQ(text("dualpipe"), "dualpipe");
  EXPECT_EQ(text("3 $/h"), "3 $/h");
  EXPECT_EQ(text("2024-12-27"), "2024-12-27");
  EXPECT_EQ(text(""), "");
  EXPECT_EQ(text("1\nother = 2"), "1\nother = 2");
  EXPECT_EQ(text("\"16\""), "16");
  EXPECT_EQ(text("16"), "not text");
  EXPECT_EQ(text("[1, 2]"), "not text");
  EXPECT_EQ(text("true"), "not text");
}

TEST(TomlDocument, PutMakesTablesOnTheWay) {
  TomlNode root = parse_toml("a = 1\n", "f");
  put(root, {"x", "y"}, parse_toml_value("5", {.file = "--set x.y=5"}));
  const TomlNode& made = find_member(root, "x")->node;
  EXPECT_EQ(std::get<std::int64_t>(find_member(made, "y")->node.value), 5);
  EXPECT_THROW(put(root, {"a", "y"}, parse_toml_value("5", {.file = "--set a.y=5"})), InputError);
}

TEST(Shown, ControlCharactersCannotReachTheTerminal) {
  EXPECT_EQ(shown("a\x1b[31mb\n"), "a\\x1b[31mb\\x0a");
  EXPECT_EQ(shown(std::string(200, 'x'), 5), "xxxxx...");
}

}  // namespace
}  // namespace towtank
