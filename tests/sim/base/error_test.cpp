#include "sim/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using testing::HasSubstr;

TEST(Place, ShowsWhatIsKnown) {
  EXPECT_EQ(to_string(Place{.file = "a.toml", .line = 12, .column = 5}), "a.toml:12:5");
  EXPECT_EQ(to_string(Place{.file = "a.toml", .line = 12}), "a.toml:12");
  EXPECT_EQ(to_string(Place{.file = "--set plan.pipeline=8"}), "--set plan.pipeline=8");
}

TEST(Diagnostic, HintStandsOnItsOwnLine) {
  const Diagnostic diagnostic{
      .place = {.file = "a.toml", .line = 1, .column = 2}, .message = "wrong", .hint = "do this"};
  EXPECT_EQ(to_string(diagnostic), "a.toml:1:2: wrong\n  hint: do this");
}

TEST(InputError, ShowsEveryMistakeInOrder) {
  const InputError error({{.place = {.file = "a"}, .message = "first", .hint = ""},
                          {.place = {.file = "b"}, .message = "second", .hint = ""}});
  EXPECT_STREQ(error.what(), "a: first\nb: second");
  EXPECT_EQ(error.diagnostics().size(), 2U);
}

TEST(Check, BrokenClaimNamesTheClaimAndWhereItStands) {
  EXPECT_NO_THROW(check(true, "all is well"));
  try {
    check(false, "all is well");
    FAIL() << "a false claim went through";
  } catch (const BrokenClaim& broken) {
    EXPECT_THAT(broken.what(), HasSubstr("all is well"));
    EXPECT_THAT(broken.what(), HasSubstr("error_test.cpp"));
  }
}

}  // namespace
}  // namespace towtank
