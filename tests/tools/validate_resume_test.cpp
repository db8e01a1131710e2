#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "reports/published_json.hpp"
#include "tests/sim/published/run_maker.hpp"
#include "tools/resume_file.hpp"

namespace towtank {
namespace {

std::string fresh_file(const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() / ("towtank-" + name);
  std::filesystem::remove(path);
  return path.string();
}

RunCase answered_case() {
  RunCase row = case_of_row(run_of({{"id", "a \"b\""}, {"gpu", "H100-80GB"}, {"tp", "8"}}));
  row.measured = 1.25 * second;
  row.projected = (1.0 / 3.0) * second;
  row.assumptions = {"cp 1", "balanced experts"};
  return row;
}

TEST(ResumeFile, KeepsAnswersAsTheyWere) {
  const std::string path = fresh_file("resume-keeps.jsonl");
  ResumeFile(path).keep("k", answered_case());
  const ResumeFile again(path);
  const RunCase* const found = again.find("k");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(case_line(*found, "k"), case_line(answered_case(), "k"));
  EXPECT_EQ(again.find("other"), nullptr);
}

TEST(ResumeFile, PassesOverALineThatWasCutOff) {
  const std::string path = fresh_file("resume-cut.jsonl");
  const std::string line = case_line(answered_case(), "k");
  std::ofstream(path) << line << '\n' << line.substr(0, line.size() / 2);
  {
    ResumeFile file(path);
    EXPECT_NE(file.find("k"), nullptr);
    file.keep("next", answered_case());
  }
  EXPECT_NE(ResumeFile(path).find("next"), nullptr);
}

TEST(ResumeFile, AnotherCellIsAnotherKey) {
  const AnswerKeys keys(TOWTANK_SOURCE_DIR);
  EXPECT_EQ(keys.of(run_of({{"id", "a"}, {"tp", "8"}})),
            keys.of(run_of({{"id", "a"}, {"tp", "8"}})));
  EXPECT_NE(keys.of(run_of({{"id", "a"}, {"tp", "8"}})),
            keys.of(run_of({{"id", "a"}, {"pp", "8"}})));
}

}  // namespace
}  // namespace towtank
