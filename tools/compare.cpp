// towtank compare FILE FILE...: projections side by side, and why they differ.
#include <memory>
#include <string>
#include <vector>

#include "reports/comparison_json.hpp"
#include "reports/comparison_text.hpp"
#include "sim/base/error.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/commands.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

struct CompareOptions {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
  bool json = false;
};

/// A scenario and its GPU's profile, which suit each other.
struct Question {
  Scenario scenario;
  Profile profile;
};

Question read_question(const std::string& file, const std::vector<Override>& overrides) {
  const Scenario scenario = read_scenario_aloud(file, overrides);
  Question question{.scenario = scenario, .profile = profile_for(scenario)};
  check_against_profile(question.scenario, question.profile);
  return question;
}

/// All scenarios, or every mistake of all files.
std::vector<Question> read_questions(const CompareOptions& options) {
  const std::vector<Override> overrides = parse_overrides(options.overrides);
  std::vector<Question> questions;
  std::vector<Diagnostic> mistakes;
  for (const std::string& file : options.files) {
    try {
      questions.push_back(read_question(file, overrides));
    } catch (const InputError& error) {
      mistakes.insert(mistakes.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
  return questions;
}

void compare_scenarios(const CompareOptions& options, Colour colour) {
  if (options.files.size() < 2) {
    throw UsageError("towtank compare: needs at least two scenario files, found one",
                     "towtank simulate " + options.files.front() + " projects a single one");
  }
  std::vector<TrainingReport> reports;
  for (const Question& question : read_questions(options)) {
    announce("simulating " + question.scenario.path);
    reports.push_back(project_training(question.scenario, question.profile, Folding::kFolded));
  }
  print(options.json ? comparison_json(reports) : comparison_text(reports, colour));
}

}  // namespace

void add_compare(CLI::App& program, Invocation& invocation) {
  CLI::App* const command =
      program.add_subcommand("compare", "Project scenarios side by side, and say why they differ");
  const auto options = std::make_shared<CompareOptions>();
  command
      ->add_option(
          "FILE", options->files, "Scenario files; the first is what others are held against")
      ->required()
      ->type_name("");
  add_overrides(*command, options->overrides);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &invocation] { compare_scenarios(*options, invocation.colour); });
}

}  // namespace towtank
